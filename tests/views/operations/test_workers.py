"""The page of workers and queue in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import update

from datanectar.runs.tables import workers
from tests.servers.stack import Stack

TASK = "pages/gated_chain/WatchedTask"


def test_workers_with_their_runs_and_the_queue(
    stack: Stack, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(f"{stack.url}/workers")
    page.locator("#workers").get_by_text("0 of ").first.wait_for()
    page.locator("#queue").get_by_text("No run waits.").wait_for()
    slots = sum(worker.slots for worker in stack.store.workers())
    gate = str(tmp_path / "never")
    for number in range(slots + 1):
        stack.client.post(TASK, name=f"n{number}", gate=gate)

    page.locator("#workers").get_by_role("link", name="WatchedTask").nth(slots - 1).wait_for()
    page.locator("#queue").get_by_role("link", name="WatchedTask").wait_for()
    assert "1 of at most" in page.locator("#state").inner_text()
    page.locator("#workers").get_by_role("button", name="Cancel WatchedTask").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    page.locator("h1 + .badge.status-CANCELLED").wait_for()


def test_a_lost_worker_is_told_from_one_that_lives(
    stack: Stack, open_page: Callable[..., Any]
) -> None:
    stack.store.beat_worker("gone", "elsewhere", 1, 1.0, 3)
    with stack.store.database.write() as connection:
        connection.execute(update(workers).where(workers.c.id == "gone").values(heartbeat=1.0))
    page = open_page(f"{stack.url}/workers")
    page.locator("tr", has_text="gone").get_by_text("lost").wait_for()
    assert page.get_by_text("lost: its runs go to others").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_serious_violation_and_fit_a_phone(
    stack: Stack, open_page: Callable[..., Any], scheme: str
) -> None:
    phone = {"width": 390, "height": 800}
    page = open_page(stack.url, color_scheme=scheme, viewport=phone, bypass_csp=True)
    for path in ("/schedules", "/workers", "/settings"):
        page.goto(stack.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        found = Axe().run(page).response["violations"]
        assert wide <= 390, path
        assert not [one for one in found if one["impact"] in ("serious", "critical")], path
