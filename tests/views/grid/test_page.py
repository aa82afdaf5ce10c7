"""The grid of a task in a browser and without scripts: it shows, runs, and fills what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

from tests.servers.processes import wait_for
from tests.servers.stack import Stack

HTML = {"Accept": "text/html"}
CHAIN = """
import luigi
from datanectar import NectarTask

class StepTask(NectarTask):
    day = luigi.DateParameter()
    part = luigi.Parameter(default="a")
    def run(self):
        if self.day.day == 3 and self.part == "b":
            raise ValueError("no rows")
        self.output().open("w").close()

class Given(luigi.ExternalTask):
    day = luigi.DateParameter()
    def complete(self):
        return self.day.day != 7

class DailyTask(NectarTask):
    day = luigi.DateParameter()
    size = luigi.IntParameter(default=1)
    count = luigi.IntParameter(default=2)
    def requires(self):
        yield from [StepTask(day=self.day, part=part) for part in "ab"]
        yield Given(day=self.day)
    def run(self):
        self.output().open("w").close()

class NothingTask(NectarTask):
    pass
"""
PLACE = "grids/days_chain"
GRID = f"/chains/{PLACE}/DailyTask/grid?last=2020-01-07&count=7"


@pytest.fixture(scope="module")
def days(stack: Stack) -> Stack:
    stack.chain(PLACE, CHAIN)
    for day in ("2020-01-02", "2020-01-03"):
        stack.run(f"{PLACE}/DailyTask", day=day)
    stack.run(f"{PLACE}/StepTask", day="2020-01-05")
    return stack


def shown(stack: Stack, path: str, words: str) -> str:
    """Return a page once it has the words: its keys are worked out in the background."""

    def found() -> str:
        text = requests.get(stack.url + path, headers=HTML, timeout=30).text
        return text if words in text else ""

    return wait_for(found, f"{path} shows {words}")


def test_each_cell_shows_what_became_of_its_keys(days: Stack) -> None:
    text = shown(days, GRID, "DailyTask 2020-01-07")
    for words in (
        "DailyTask 2020-01-01: missing",
        "DailyTask 2020-01-02: done",
        "DailyTask 2020-01-03: failed",
        "StepTask 2020-01-02: done",
        "StepTask 2020-01-03: failed, 1 of 2 done",
        "StepTask 2020-01-04: missing, 0 of 2 done",
        "StepTask 2020-01-05: missing, 1 of 2 done",
    ):
        assert f'aria-label="{words}"' in text
    for family, button in (("Given", 0), ("StepTask", 2)):  # there is no route to run a Given
        cell = f"&column=2020-01-07&family=grids.days_chain.{family}"
        assert shown(days, GRID + cell, f"{family}, day 2020-01-07").count("do-run-") == button
    other = shown(days, f"{GRID}&p.size=5", "DailyTask 2020-01-07")
    assert "DailyTask 2020-01-02: missing" in other  # with a size of 5
    assert "StepTask 2020-01-02: done" in other
    by_count = shown(
        days, f"/chains/{PLACE}/DailyTask/grid?over=count&p.day=2020-01-02", "DailyTask 2:"
    )
    assert "DailyTask 2: done" in by_count


def test_what_can_have_no_grid_says_why(days: Stack) -> None:
    assert "no parameter" in shown(days, f"/chains/{PLACE}/NothingTask/grid", "There is no grid")
    assert "not a date" in shown(days, f"/chains/{PLACE}/DailyTask/grid?last=x", "There is no grid")
    assert "/NothingTask/grid" not in shown(days, f"/chains/{PLACE}/NothingTask", "NothingTask")
    missing = requests.get(f"{days.url}/chains/{PLACE}/NoneTask/grid", headers=HTML, timeout=30)
    assert missing.status_code == 404


def test_a_click_leads_to_the_buttons_of_a_cell(days: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(days.url + GRID)
    page.get_by_role("link", name="StepTask 2020-01-03: failed, 1 of 2 done").click()
    cell = page.locator("#cell")
    cell.get_by_text("no rows").wait_for()
    assert cell.get_by_role("button", name="Run again").count() == 1
    assert cell.get_by_role("link", name="Show the result").count() == 1

    page.get_by_role("link", name="StepTask 2020-01-03: failed, 1 of 2 done").press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="DailyTask, day 2020-01-04").wait_for()
    cell.get_by_role("button", name="Run", exact=True).press("Enter")
    page.locator("h1 + .badge.status-DONE").wait_for()
    page.locator(".crumbs").get_by_role("link", name="DailyTask").click()
    page.get_by_role("link", name="Grid", exact=True).click()
    page.get_by_role("table", name="DailyTask and what it requires, by day").wait_for()
    page.goto(days.url + GRID)
    page.get_by_role("link", name="DailyTask 2020-01-04: done").wait_for()


def test_a_range_is_filled_and_seen_live(days: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(days.url + GRID)
    page.get_by_label("From").select_option("2020-01-05")
    page.get_by_label("To", exact=True).select_option("2020-01-06")
    page.get_by_role("button", name="Show what is missing").click()
    page.get_by_text("2 of 2 are missing").wait_for()
    other = open_page(days.url + GRID)
    other.get_by_role("link", name="DailyTask 2020-01-06: missing").wait_for()

    page.get_by_role("button", name="Run what is missing").click()
    page.locator("h1 + .badge.status-DONE").wait_for()
    assert "/backfills/" in page.url
    other.get_by_role("link", name="DailyTask 2020-01-06: done").wait_for()


def test_a_range_without_scripts(days: Stack) -> None:
    shown(days, GRID, "DailyTask 2020-01-07")
    form = {"first": "2020-01-02", "last": "2020-01-01"}
    page = requests.post(days.url + GRID, data=form, headers=HTML, timeout=30)
    assert "1 of 2 are missing" in page.text
    wrong = requests.post(days.url + GRID, data={"first": "2019-01-01"}, headers=HTML, timeout=30)
    assert wrong.status_code == 400
    assert "does not have these columns" in wrong.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_grid_is_accessible_and_fits_a_phone(
    days: Stack, open_page: Callable[..., Any], scheme: str
) -> None:
    phone = {"width": 390, "height": 800}
    cell = f"{days.url}{GRID}&column=2020-01-03&family=grids.days_chain.StepTask"
    page = open_page(cell, color_scheme=scheme, viewport=phone, bypass_csp=True)
    page.locator("#cell .badge").first.wait_for()
    found = Axe().run(page).response["violations"]
    assert not [one for one in found if one["impact"] in ("serious", "critical")]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
