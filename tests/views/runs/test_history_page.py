"""The history as a person uses it: live, filtered, changed and saved many at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.servers.stack import Stack

Open = Callable[..., Any]
TASK = "basic/plain_chain/GreetTask"


def rows(page: Any) -> Any:
    return page.locator("#run-rows tr")


def test_a_run_that_is_accepted_or_ends_is_shown_at_once(web: Stack, open_page: Open) -> None:
    page = open_page(f"{web.url}/history?param=kind=live")
    expect(page.get_by_text("No run matches")).to_be_visible()
    page.goto(f"{web.url}/history?task=Greet&param=name=live")
    expect(page.get_by_text("No run matches")).to_be_visible()

    run_id = web.client.post(TASK, name="live")["run_id"]
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#totals")).to_have_text("1 pending")
    web.store.request_cancel(str(run_id))
    expect(rows(page).locator(".badge")).to_have_text("cancelled")
    expect(page.locator("#totals")).to_have_text("1 cancelled")


def test_filters_are_chips_in_the_address(web: Stack, open_page: Open) -> None:
    web.client.post(TASK, name="chips")
    page = open_page(f"{web.url}/history?task=greet&status=pending&param=name=chips")
    chips = page.locator("p[aria-label=Filters] a")
    expect(chips).to_have_count(3)
    expect(rows(page)).to_have_count(1)
    chips.filter(has_text="name=chips").click()
    assert "param" not in page.url
    assert "status=pending" in page.url
    expect(chips).to_have_count(2)


@pytest.mark.parametrize("scripts", [True, False])
def test_many_runs_are_cancelled_at_once(web: Stack, open_page: Open, scripts: bool) -> None:
    for number in range(3):
        web.client.post(TASK, name=f"many{number}{scripts}")
    page = open_page(f"{web.url}/history?status=pending", java_script_enabled=scripts)
    for number in range(3):
        rows(page).filter(has_text=f"many{number}{scripts}").get_by_role("checkbox").check()
    if scripts:
        expect(page.locator("#chosen-count")).to_have_text("3 chosen")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the runs").click()
    expect(page.get_by_role("heading", name="3 of 3 cancelled")).to_be_visible()


def test_many_runs_are_run_again_and_each_refusal_says_why(stack: Stack, open_page: Open) -> None:
    failed = stack.run("pages/gated_chain/FailingTask")
    page = open_page(f"{stack.url}/history?task=FailingTask")
    page.get_by_label("all on this page").check()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("heading", name="1 of 1 run again")).to_be_visible()
    page.get_by_role("link", name="a new run").click()
    page.wait_for_url("**/runs/*")
    assert str(failed["run_id"]) not in page.url

    done = stack.run(TASK, name="ended")
    both = {"do": "cancel", "sure": "yes", "run": [done["run_id"]]}
    answer = requests.post(f"{stack.url}/history", data=both, timeout=20)
    assert "It has ended already: done." in answer.text


@pytest.mark.parametrize("form", [{}, {"do": "rerun"}, {"do": "x", "run": "y"}])
def test_a_form_that_says_nothing_to_do_is_refused(web: Stack, form: dict[str, str]) -> None:
    assert requests.post(f"{web.url}/history", data=form, timeout=20).status_code == 400


def test_the_filtered_history_is_saved_as_csv(web: Stack) -> None:
    for name in ("one, two", "line\nbreak", "other"):
        web.client.post(TASK, name=name)
    text = web.get("/history.csv?task=greet&param=name=line%0Abreak").text
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["parameters"] == '{"name": "line\\nbreak"}'
    assert (row["task"], row["status"], row["trigger"]) == ("GreetTask", "PENDING", "http")
    every = list(csv.DictReader(io.StringIO(web.get("/history.csv").text)))
    assert len(every) >= 3
    assert web.get("/history.csv?since=nonsense").status_code == 400
