"""The browser of a task's results: sorted, filtered, in pages; a result is shown and dropped."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

from datanectar.runs.statistics.keys import TaskKey
from datanectar.views.grid.results import PAGE, View
from tests.servers.stack import Stack

HTML = {"Accept": "text/html"}
CHAIN = """
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    number = luigi.IntParameter()
    kind = luigi.Parameter(default="plain")
    def run(self):
        if self.number == 13:
            raise ValueError("unlucky")
        with self.output().open("w") as out:
            out.write("x" * self.number)

class AllTask(NectarTask):
    count = luigi.IntParameter()
    def requires(self):
        return [PartTask(number=number) for number in range(self.count)]
    def run(self):
        self.output().open("w").close()

class DayTask(NectarTask):
    def run(self):
        self.output().open("w").close()
"""
PLACE = "listed/listed_chain"
PARTS = f"/chains/{PLACE}/PartTask/results"


@pytest.fixture(scope="module")
def parts(stack: Stack) -> Stack:
    stack.chain(PLACE, CHAIN)
    stack.run(f"{PLACE}/AllTask", count=12)
    for number, kind in ((100, "odd, \\"), (101, "plain"), (13, "plain")):
        stack.run(f"{PLACE}/PartTask", number=number, kind=kind)
    return stack


def numbers(stack: Stack, query: str = "") -> list[int]:
    text = requests.get(stack.url + PARTS + query, headers=HTML, timeout=30).text
    return [int(number) for number in re.findall(r'data-name="number">(\d+)<', text)]


def test_results_are_listed_by_key_whoever_made_them(parts: Stack) -> None:
    found = numbers(parts)
    assert found[:2] == [101, 100]  # the newest first; what failed is no result
    assert sorted(found[2:]) == list(range(12))
    assert numbers(parts, "?sort=p.number") == [*range(12), 100, 101]
    assert numbers(parts, "?sort=-p.number")[:3] == [101, 100, 11]
    assert numbers(parts, "?sort=made")[-1] == 101
    assert numbers(parts, "?p.number=10&sort=p.number") == [10, 100, 101]
    assert numbers(parts, "?p.number=10&p.kind=plain&sort=p.number") == [10, 101]
    assert numbers(parts, "?p.kind=odd%2C+%5C") == [100]
    assert numbers(parts, "?p.kind=10") == []
    assert numbers(parts, "?p.nothing=1") == []
    assert numbers(parts, "?page=2x&sort=nonsense") != []
    other = requests.get(f"{parts.url}/chains/{PLACE}/DayTask/results", headers=HTML, timeout=30)
    assert "No run of this service has made one yet" in other.text


def test_rows_are_filtered_and_sorted_by_their_values() -> None:
    found = [
        TaskKey(str(number), "DONE", {"n": str(number)}, "r", float(-number), "local")
        for number in range(3)
    ]
    view = View.of({"sort": "made", "p.n": "", "page": "9"})
    assert [one.key for one in view.rows(found)] == ["2", "1", "0"]
    assert view.number == 9
    assert view.address("/x", page="2") == "/x?sort=made&page=2"
    assert PAGE > 1


def test_a_key_of_another_task_is_not_dropped_here(parts: Stack) -> None:
    key = f"chains/{PLACE}/AllTask/{1:032x}"
    answer = requests.post(
        parts.url + PARTS, data={"key": key, "sure": "1"}, headers=HTML, timeout=30
    )
    assert answer.status_code == 400
    assert "is no key of" in answer.text


def test_a_result_is_shown_and_dropped(parts: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{parts.url}/chains/{PLACE}/PartTask")
    page.get_by_role("link", name="Results", exact=True).click()
    page.get_by_label("number").fill("7")
    page.get_by_role("button", name="Filter").press("Enter")
    row = page.locator(".results tbody tr")
    assert row.count() == 1
    row.get_by_role("link", name="Show out.txt of 7 plain").click()
    page.get_by_text("xxxxxxx").first.wait_for()
    page.go_back()

    row.get_by_role("button", name="Drop the result of 7 plain").click()
    page.get_by_role("dialog").get_by_role("button", name="Drop the result").click()
    row.get_by_text("dropped").wait_for()
    assert row.get_by_role("button").count() == 0
    assert "p.number=7" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(
    parts: Stack, open_page: Callable[..., Any], scheme: str
) -> None:
    phone = {"width": 390, "height": 800}
    page = open_page(
        parts.url + PARTS + "?p.number=1", color_scheme=scheme, viewport=phone, bypass_csp=True
    )
    for address in ("?p.number=1", "?p.number=nothing"):
        page.goto(parts.url + PARTS + address)
        found = Axe().run(page).response["violations"]
        assert not [one for one in found if one["impact"] in ("serious", "critical")]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
