"""The keyboard alone does each job: run a task, read its log, cancel it, drop a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.servers.chromium import tab_to
from tests.servers.processes import wait_for
from tests.servers.stack import Stack


def run_by_keys(page: Any, name: str, gate: Path) -> None:
    """Fill in the form of the gated task and send it."""
    tab_to(page, "#p-name")
    page.keyboard.type(name)
    tab_to(page, "#p-gate")
    page.keyboard.type(str(gate))
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")


def press(page: Any, selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


def test_the_keyboard_alone_does_each_job(
    stack: Stack, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(stack.url)
    page.keyboard.press("/")  # from home to the task by its search
    page.keyboard.type("watched")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=watched*")
    press(page, "a[href='/chains/pages/gated_chain/WatchedTask']")
    page.wait_for_url("**/WatchedTask")
    gate = tmp_path / "gate"
    run_by_keys(page, "keys", gate)
    state = page.locator("#head .badge")

    expect(page.locator("[data-log-lines]")).to_contain_text("before the gate")
    tab_to(page, "#log-find")
    page.keyboard.type("before")
    expect(page.locator("[data-log-found]")).to_have_text("1 line")
    tab_to(page, "[data-log-lines]")
    page.keyboard.press("End")

    press(page, "#cancel")  # asked whether, one goes back first
    expect(page.locator("#sure")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#sure")).to_be_hidden()
    press(page, "#cancel")
    press(page, "#sure button[value=yes]")
    expect(state).to_have_text("cancelled")

    gate.touch()
    press(page, "#do-again button")
    expect(state).to_have_text("done")
    key = str(stack.client.run_record(page.url.split("/runs/")[1].split("?")[0])["key"])
    file = stack.file(key, "out.csv")
    assert file.exists()
    press(page, "#do-drop button")
    press(page, "#sure button[value=yes]")
    wait_for(lambda: not file.exists(), "the result is dropped")
