"""Results in a real browser and over HTTP: frames, rows of binary tables, steps of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.servers.stack import Stack

CHAIN = """
import luigi
from datanectar import NectarTask


class HtmlPageTask(NectarTask):
    output_name = "out.html"
    def run(self):
        with self.output().open("w") as out:
            out.write("<!doctype html><p>words of the page</p><script>document.body.append('script ran')</script>")


class SvgTask(NectarTask):
    output_name = "out.svg"
    def run(self):
        with self.output().open("w") as out:
            out.write("<svg xmlns='http://www.w3.org/2000/svg'><script>top.location = 'about:blank'</script></svg>")


class ParquetTask(NectarTask):
    output_name = "out.parquet"
    def run(self):
        import pandas
        with self.output().temporary_path() as path:
            pandas.DataFrame({"n": range(1000), "word": ["<b>", None] * 500}).to_parquet(path)


class ExcelTask(NectarTask):
    output_name = "out.xlsx"
    def run(self):
        import pandas
        with self.output().temporary_path() as path:
            pandas.DataFrame({"n": [1, 2]}).to_excel(path, index=False, sheet_name="Numbers")


class NoParquetTask(NectarTask):
    output_name = "out.parquet"
    def run(self):
        with self.output().open("w") as out:
            out.write("PAR1 is all it has of one")


class StepTask(NectarTask):
    number = luigi.IntParameter()
    output_name = "out.csv"
    def run(self):
        with self.output().open("w") as out:
            out.write("a;b\\n1;2\\n3;4\\n")


class RootTask(NectarTask):
    def requires(self):
        return StepTask(7)
    def run(self):
        self.output().open("w").close()
"""


def of(stack: Stack, task: str) -> str:
    """Run a task and return its key."""
    done = stack.run(f"shows/shows_chain/{task}")
    assert done["job_status"] == "DONE", done
    return str(done["key"])


@pytest.fixture(scope="module")
def shows(stack: Stack) -> Stack:
    stack.chain("shows/shows_chain", CHAIN)
    return stack


@pytest.mark.slow
def test_a_page_is_framed_on_demand_and_runs_no_script(
    shows: Stack, open_page: Callable[..., Any]
) -> None:
    key = of(shows, "HtmlPageTask")
    page = open_page(f"{shows.url}/history")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{shows.url}/runs/{shows.status(key)['run_id']}")
    frames = f"{shows.url}/frames/"
    expect(page.get_by_text("Show it here")).to_be_visible()
    assert not [url for url in asked if url.startswith(frames)]
    page.get_by_text("Show it here").click()
    shown = page.frame_locator("iframe")
    expect(shown.get_by_text("words of the page")).to_be_visible()
    expect(shown.get_by_text("script ran")).to_have_count(0)


def test_frames_are_sandboxed_whatever_the_file_is(shows: Stack) -> None:
    for task, file, kind in (
        ("HtmlPageTask", "out.html", "text/html"),
        ("SvgTask", "out.svg", "image/svg+xml"),
    ):
        answer = shows.get(f"/frames/{of(shows, task)}/{file}")
        assert answer.headers["Content-Type"].startswith(kind)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none';")
        assert "script-src" not in policy
        assert "frame-ancestors 'self'" in policy
    log = shows.get(f"/frames/{of(shows, 'RootTask')}/params.txt")
    assert log.status_code == 404


@pytest.mark.slow
def test_scripts_run_where_the_settings_allow_it(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATANECTAR_RESULT_SCRIPTS="allow")
    stack.chain("shows/shows_chain", CHAIN)
    stack.start()
    policy = stack.get(f"/frames/{of(stack, 'HtmlPageTask')}/out.html").headers[
        "Content-Security-Policy"
    ]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy


def test_the_first_rows_of_parquet_and_excel_are_shown(shows: Stack) -> None:
    page = shows.get(f"/tables/{of(shows, 'ParquetTask')}/out.parquet").text
    assert "1,000 rows" in page
    assert "&lt;b&gt;" in page and "The first 50 rows" in page
    assert ">2<" in shows.get(f"/tables/{of(shows, 'ExcelTask')}/out.xlsx").text
    refused = shows.get(f"/tables/{of(shows, 'NoParquetTask')}/out.parquet")
    assert (refused.status_code, "can't be read" in refused.json()["message"]) == (400, True)


def test_a_step_of_a_run_has_its_result_shown_in_the_same_way(shows: Stack) -> None:
    root = shows.run("shows/shows_chain/RootTask")
    tasks = shows.store.tasks(str(root["run_id"]))
    step = next(task.key for task in tasks if task.key and "StepTask" in task.key)
    page = requests.get(
        f"{shows.url}/results/{step.removeprefix('chains/')}",
        headers={"Accept": "text/html"},
        timeout=20,
    ).text
    assert "A step of" in page and f"/runs/{root['run_id']}" in page
    assert 'download="StepTask-7.csv"' in page
    assert "2 rows × 2 columns" in page
