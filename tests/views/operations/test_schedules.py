"""The page of schedules in a browser: what is listed, paused and resumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.stack import Stack

CHAIN = """from datanectar import NectarTask


class YearlyTask(NectarTask):
    schedule = "30 5 1 1 * Europe/Berlin"

    def run(self):
        self.output().open("w").close()
"""


@pytest.fixture(scope="module", autouse=True)
def chain(web: Stack) -> None:
    web.chain("clock/clock_chain", CHAIN)


def test_a_schedule_is_paused_and_resumed(web: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{web.url}/schedules")
    row = page.locator("tr", has_text="YearlyTask")
    assert "30 5 1 1 * Europe/Berlin" in row.inner_text()
    row.get_by_role("button", name="Pause YearlyTask").click()
    row.get_by_text("paused").wait_for()
    (known,) = [one for one in web.client.schedules() if one["task"] == "YearlyTask"]
    assert known["paused"]
    row.get_by_role("button", name="Resume YearlyTask").click()
    row.locator("td:nth-child(4) time").wait_for()


def test_a_pause_by_another_shows_without_a_reload(
    web: Stack, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{web.url}/schedules")
    row = page.locator("tr", has_text="YearlyTask")
    row.locator("td:nth-child(4) time").wait_for()
    web.client.set_schedule("clock/clock_chain/YearlyTask", paused=True)
    row.get_by_text("paused").wait_for()


def test_chains_whose_schedules_are_not_known_are_named(
    web: Stack, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{web.url}/schedules")
    page.locator("#unread").get_by_text("broken/raises_chain").wait_for()
