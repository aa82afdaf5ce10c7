"""Two runs compared: as a page without scripts, from a run, from the history, and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

from tests.servers.stack import Stack

HTML = {"Accept": "text/html"}
CHAIN = """
import json
import luigi
from datanectar import NectarTask

class StepTask(NectarTask):
    day = luigi.IntParameter()
    def run(self):
        print("the step reads", self.day)
        self.output().open("w").close()

class TextTask(NectarTask):
    day = luigi.IntParameter()
    shop = luigi.Parameter(default="north")
    def requires(self):
        return StepTask(day=self.day)
    def run(self):
        print("always the same")
        print("rows:", self.day)
        if self.day == 13:
            raise ValueError("unlucky")
        with self.output().open("w") as out:
            out.write(f"first\\nday {self.day}\\nlast\\n")

class TableTask(NectarTask):
    day = luigi.IntParameter()
    output_name = "out.csv"
    def run(self):
        with self.output().open("w") as out:
            out.write("name,price" + (",tax" if self.day == 2 else "") + "\\n")
            for row in range(3 + self.day):
                out.write(f"n{row},{row}" + (",1" if self.day == 2 else "") + "\\n")

class JsonTask(NectarTask):
    day = luigi.IntParameter()
    output_name = "out.json"
    def run(self):
        with self.output().open("w") as out:
            json.dump({"same": 1, "day": self.day}, out)

class FrameTask(NectarTask):
    day = luigi.IntParameter()
    output_name = "out.parquet"
    def run(self):
        import pandas
        with self.output().temporary_path() as path:
            pandas.DataFrame({"n": [1, 2], "day": [0, self.day]}).to_parquet(path)

class BytesTask(NectarTask):
    day = luigi.IntParameter()
    output_name = "out.bin"
    def run(self):
        with self.output().open("wb") as out:
            out.write(bytes([0, self.day]))
"""
PLACE = "compared/compared_chain"


@pytest.fixture(scope="module")
def runs(stack: Stack) -> dict[str, str]:
    """The ids of runs, by task and day."""
    stack.chain(PLACE, CHAIN)
    done = [("TextTask", day) for day in (1, 2, 13)]
    done += [
        (task, day)
        for task in ("TableTask", "JsonTask", "FrameTask", "BytesTask")
        for day in (1, 2)
    ]
    return {
        f"{task} {day}": str(stack.run(f"{PLACE}/{task}", day=day)["run_id"]) for task, day in done
    }


def compared(stack: Stack, one: str, other: str, query: str = "") -> str:
    answer = requests.get(
        f"{stack.url}/runs/{one}/compare/{other}{query}", headers=HTML, timeout=30
    )
    assert answer.status_code == 200
    return answer.text


def test_two_runs_differ_in_parameters_log_and_result(stack: Stack, runs: dict[str, str]) -> None:
    text = compared(stack, runs["TextTask 1"], runs["TextTask 2"])
    assert '<tr class="differs"><th scope="row">day' in text
    assert '<tr><th scope="row">shop' in text
    assert "rows: <mark>1</mark>" in text
    assert "rows: <mark>2</mark>" in text
    assert "day <mark>2</mark>" in text
    assert "1 line differs" in text  # of the result
    step = compared(stack, runs["TextTask 1"], runs["TextTask 2"], "?task=StepTask_2_x")
    assert "always the same" in step  # no such task: that of the root


def test_a_failed_run_shows_the_log_of_what_failed(stack: Stack, runs: dict[str, str]) -> None:
    text = compared(stack, runs["TextTask 2"], runs["TextTask 13"])
    assert "ValueError: unlucky" in text
    assert f"The result of run {runs['TextTask 13']} is not there." in text
    assert "status-FAILED" in text


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("TableTask", ["4 rows left, 5 right", "Columns of the right one only: tax"]),
        ("JsonTask", ["1 line differs", "&#34;day&#34;: <mark>1</mark>"]),
        ("FrameTask", ["1 line differs", "2 rows left, 2 right", "2 │ <mark>1</mark>"]),
        ("BytesTask", ["It is neither text nor a table."]),
    ],
)
def test_results_of_each_kind(
    stack: Stack, runs: dict[str, str], task: str, words: list[str]
) -> None:
    text = compared(stack, runs[f"{task} 1"], runs[f"{task} 2"])
    assert [one for one in words if one not in text] == []


def test_a_run_is_compared_with_the_one_before_it(stack: Stack, runs: dict[str, str]) -> None:
    def place(path: str) -> str:
        return requests.get(stack.url + path, headers=HTML, timeout=30).url.removeprefix(stack.url)

    one, two = runs["TextTask 1"], runs["TextTask 2"]
    assert place(f"/runs/{two}/compare") == f"/runs/{one}/compare/{two}"
    assert place(f"/runs/{two}/compare?with={runs['JsonTask 1']}").endswith(runs["JsonTask 1"])
    first = requests.get(f"{stack.url}/runs/{one}/compare", headers=HTML, timeout=30).text
    assert "there is none before it" in first
    assert two in first
    missing = requests.get(f"{stack.url}/runs/{one}/compare/{one[:-1]}x", headers=HTML, timeout=30)
    assert missing.status_code == 404
    same = compared(stack, one, one)
    assert "Both runs are of one key" in same
    assert "The logs are equal." in same


def test_two_runs_are_picked_in_the_history(
    stack: Stack, runs: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{stack.url}/history?task=TextTask&chain=compared")
    page.locator("#run-rows input").first.wait_for()
    for day in (1, 2):
        page.get_by_label(f"Choose {runs[f'TextTask {day}']}").check()
    page.get_by_role("button", name="Compare two").click()
    page.get_by_role("heading", name="TextTask: two runs").wait_for()
    page.get_by_role("link", name="Swap").click()
    page.locator(".sides .card").first.get_by_text(runs["TextTask 2"]).wait_for()
    page.get_by_role("link", name="StepTask").click()
    page.get_by_text("the step reads").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(
    stack: Stack, runs: dict[str, str], open_page: Callable[..., Any], scheme: str
) -> None:
    both = f"{stack.url}/runs/{runs['TextTask 2']}/compare/{runs['TextTask 13']}"
    phone = {"width": 390, "height": 800}
    page = open_page(both, color_scheme=scheme, viewport=phone, bypass_csp=True)
    for address in (both, f"{stack.url}/runs/{runs['TextTask 1']}/compare"):
        page.goto(address)
        found = Axe().run(page).response["violations"]
        assert not [one for one in found if one["impact"] in ("serious", "critical")]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
