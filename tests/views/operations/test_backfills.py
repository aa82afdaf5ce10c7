"""The pages of backfills in a browser: started by the form, seen to its end, tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.servers.processes import wait_for
from tests.servers.stack import Stack

CHAIN = """import luigi

from datanectar import NectarTask


class WeekTask(NectarTask):
    \"\"\"Counts a week.\"\"\"

    week = luigi.DateIntervalParameter()

    def run(self):
        if "W03" in str(self.week):
            raise ValueError("no rows in " + str(self.week))
        with self.output().open("w") as out:
            out.write(str(self.week))
"""
PLACE = "weeks/weeks_chain/WeekTask"


@pytest.fixture(scope="module", autouse=True)
def chain(stack: Stack) -> None:
    stack.chain("weeks/weeks_chain", CHAIN)


def fill_in(page: Any, values: str) -> None:
    page.get_by_label("Task", exact=True).fill(PLACE)
    page.get_by_label("Values").fill(values)


def test_a_backfill_from_the_form_to_its_end(stack: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{stack.url}/backfills")
    fill_in(page, "week=2026-W01..2026-W05")
    page.get_by_role("button", name="Show what is missing").click()
    page.get_by_text("5 of 5 are missing.").wait_for()
    page.get_by_role("button", name="Start").click()

    page.locator("h1 + .badge.status-FAILED").wait_for()
    assert page.locator(".cell").count() == 5
    assert page.locator(".cell.status-DONE").count() == 4
    assert "no rows in 2026-W03" in page.locator("#failed").inner_text()
    page.locator(".cell.status-FAILED").click()
    page.get_by_role("heading", name="WeekTask", exact=True).wait_for()
    page.get_by_role("link", name="backfill", exact=True).click()
    page.get_by_role("link", name="Its runs").click()
    assert page.locator("table.runs tbody tr").count() == 5

    page.goto(f"{stack.url}/backfills")
    page.locator("table.runs a").first.click()
    page.get_by_role("button", name="Try again what failed").click()
    backfill_id = page.url.rpartition("/")[2]
    stack.client.backfills.wait(backfill_id)
    wait_for(lambda: len(stack.client.runs(backfill=backfill_id)["runs"]) == 6, "it ran again")


def test_what_is_refused_stands_with_the_form(stack: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{stack.url}/backfills")
    fill_in(page, "week=2026-W01..never")
    page.get_by_role("button", name="Start").click()

    words = page.get_by_role("alert").inner_text()
    assert "week" in words
    assert "a period such as" in words
    assert page.get_by_label("Values").input_value() == "week=2026-W01..never"


def test_one_is_cancelled_and_goes_on(stack: Stack, open_page: Callable[..., Any]) -> None:
    over = {"week": "2000-W01..2009-W52"}
    started = stack.client.backfills.start(PLACE, over, at_once=1)
    page = open_page(f"{stack.url}/backfills/{started['id']}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the backfill").click()
    page.locator("h1 + .badge.status-CANCELLED, h1 + .badge.status-FAILED").wait_for()
    assert page.get_by_role("button", name="Cancel", exact=True).count() == 0
    assert page.locator("#head button.main").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_serious_violation_and_fit_a_phone(
    stack: Stack, open_page: Callable[..., Any], scheme: str
) -> None:
    started = stack.client.backfills.start(PLACE, {"week": "2025-W01..2025-W04"})
    stack.client.backfills.wait(started["id"])
    phone = {"width": 390, "height": 800}
    page = open_page(f"{stack.url}/backfills", color_scheme=scheme, viewport=phone, bypass_csp=True)
    for path in ("/backfills", f"/backfills/{started['id']}"):
        page.goto(stack.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        found = Axe().run(page).response["violations"]
        assert wide <= 390, path
        assert not [one for one in found if one["impact"] in ("serious", "critical")], path
