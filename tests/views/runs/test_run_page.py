"""The page of a run with many tasks, some of which failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.servers.stack import Stack

Open = Callable[..., Any]
CHAIN = '''
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    """One of many."""
    number = luigi.IntParameter()
    def run(self):
        print("INFO part", self.number)
        print("WARNING look here")
        print("ERROR it is odd")
        if self.number % 20 == 7:
            raise ValueError(f"part {self.number} is broken")
        self.output().open("w").close()

class MiddleTask(NectarTask):
    step = luigi.IntParameter()
    def requires(self):
        return [PartTask(number=self.step * 20 + n) for n in range(20)]
    def run(self):
        self.output().open("w").close()

class WholeTask(NectarTask):
    def requires(self):
        return [MiddleTask(step=n) for n in range(3)]
'''


@pytest.fixture(scope="module")
def failed(stack: Stack) -> str:
    """The address of a run of 64 tasks, 3 of which failed."""
    stack.chain("many/parts_chain", CHAIN)
    return f"{stack.url}/runs/{stack.run('many/parts_chain/WholeTask')['run_id']}"


@pytest.fixture(scope="module")
def done(stack: Stack) -> str:
    run = stack.run("pages/gated_chain/WatchedTask", name="done")
    return f"{stack.url}/runs/{run['run_id']}"


def rows(page: Any) -> Any:
    return page.locator("#task-rows tr")


@pytest.mark.parametrize("scripts", [True, False])
def test_what_failed_is_one_click_away_with_its_error_and_log(
    failed: str, open_page: Open, scripts: bool
) -> None:
    """Issue 14, point 4."""
    page = open_page(failed, java_script_enabled=scripts)
    page.get_by_role("link", name="3 failed").first.click()
    expect(rows(page)).to_have_count(3)
    for row in rows(page).all():
        assert re.search(r"ValueError: part \d+ is broken", row.inner_text())
    row = rows(page).filter(has_text="number=27")
    row.get_by_role("link", name="PartTask").click()
    expect(page.locator("#log h2")).to_contain_text("PartTask number=27")
    if scripts:
        expect(page.locator("[data-log-lines]")).to_contain_text("part 27 is broken")
    expect(rows(page)).to_have_count(3)  # the filter stays
    assert "status=failed" in page.url


def test_a_family_in_the_graph_opens_and_closes(failed: str, open_page: Open) -> None:
    page = open_page(failed)
    nodes = page.locator("#graph-nodes > g")
    expect(nodes).to_have_count(3)
    page.get_by_role("link", name="MiddleTask × 3: 3 pending; show these tasks").click()
    expect(nodes).to_have_count(5)
    expect(rows(page)).to_have_count(3)
    page.get_by_role("link", name="Close MiddleTask").click()
    expect(nodes).to_have_count(3)
    page.go_back()
    expect(nodes).to_have_count(5)


def test_every_task_is_found_by_words(failed: str, open_page: Open) -> None:
    page = open_page(failed)
    page.get_by_label("Search tasks").fill("number=59")
    page.get_by_label("Search tasks").press("Enter")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search tasks").fill("no such task")
    page.get_by_role("button", name="Find").first.click()
    expect(page.get_by_text("No task matches")).to_be_visible()


def test_the_root_is_in_view_and_the_drawing_is_zoomed_and_moved(
    failed: str, open_page: Open
) -> None:
    page = open_page(f"{failed}?graph=tasks")
    drawing = page.locator("#graph svg[data-width]")
    frame, root = drawing.bounding_box(), page.locator("#graph-nodes g.node", has_text="WholeTask")
    box = root.locator(".box").bounding_box()
    assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    assert frame["y"] <= box["y"] and box["y"] + box["height"] <= frame["y"] + frame["height"] + 1
    seen = drawing.get_attribute("viewBox")
    page.get_by_role("button", name="Zoom in").click()
    zoomed = drawing.get_attribute("viewBox")
    assert float(zoomed.split()[2]) < float(seen.split()[2])
    page.mouse.move(frame["x"] + 5, frame["y"] + 5)
    page.mouse.down()
    page.mouse.move(frame["x"] + 80, frame["y"] + 60, steps=4)
    page.mouse.up()
    assert drawing.get_attribute("viewBox") != zoomed
    expect(page.locator(".overview")).to_be_visible()
    page.get_by_role("button", name="Fit").click()
    expect(page.locator(".overview")).to_be_hidden()
    page.locator(".graph").focus()
    page.keyboard.press("+")
    expect(page.locator(".overview")).to_be_visible()


def test_the_log_is_searched_restricted_and_its_lines_are_linked(
    failed: str, open_page: Open
) -> None:
    page = open_page(failed)
    lines = page.locator("[data-log-lines] > div")
    expect(page.locator("[data-log-state]")).to_have_text("complete")
    page.get_by_label("Search the log").fill("look here")
    expect(page.locator("[data-log-found]")).to_have_text("1 line")
    expect(page.locator("[data-log-lines] > .hit")).to_contain_text("look here")
    page.get_by_label("Level").select_option("errors")
    expect(page.locator("[data-log-lines]").get_by_text("look here")).to_be_hidden()
    expect(page.locator("[data-log-lines]").get_by_text("it is odd")).to_be_visible()
    page.get_by_label("Level").select_option("all levels")

    number = lines.filter(has_text="look here").get_attribute("data-n")
    lines.filter(has_text="look here").click(position={"x": 20, "y": 5})
    assert page.url.endswith(f"#L{number}")
    again = open_page(page.url)
    expect(again.locator(".linked")).to_contain_text("look here")


def test_sorting_stays_in_the_address(failed: str, open_page: Open) -> None:
    page = open_page(failed)
    page.locator("#tasks thead").get_by_role("link", name="Task").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Task ↑")
    assert "sort=name" in page.url
    page.reload()
    expect(rows(page).first).to_contain_text("MiddleTask")


def test_making_again_asks_first(done: str, open_page: Open) -> None:
    page = open_page(done)
    page.locator("#rerun summary").click()
    page.get_by_role("button", name="Make all again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("all tasks that it requires are dropped first")
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#head .badge")).to_have_text("done")


@pytest.mark.parametrize("place", ["failed", "done", "history"])
def test_a_phone_shows_no_page_wider_than_itself(
    stack: Stack, failed: str, done: str, open_page: Open, place: str
) -> None:
    """Issue 14, point 7: long names and 390 px."""
    stack.run("pages/gated_chain/HtmlTask", words="x" * 300)
    page = open_page(
        {"failed": f"{failed}?graph=tasks", "done": done, "history": f"{stack.url}/history"}[place],
        viewport={"width": 390, "height": 800},
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_forced_colours_keep_the_marks(failed: str, open_page: Open) -> None:
    page = open_page(failed, forced_colors="active")
    mark = page.locator("#head .badge").evaluate(
        "e => getComputedStyle(e, '::before').backgroundColor"
    )
    back = page.locator("#head .badge").evaluate("e => getComputedStyle(e).backgroundColor")
    assert mark != back


def test_times_are_in_the_zone_that_was_chosen(done: str, stack: Stack, open_page: Open) -> None:
    """Issue 14, point 6."""
    page = open_page(done, timezone_id="Asia/Tokyo")
    time = page.locator("#head time")
    assert time.get_attribute("title").endswith(" Asia/Tokyo")
    page.get_by_text("Display").click()
    page.get_by_label("Time zone").select_option("utc")
    assert time.get_attribute("title").endswith(" UTC")
    page.goto(f"{stack.url}/history")
    expect(page.get_by_label("Since (UTC)")).to_have_count(1)
    assert page.locator("input[name=zone]").input_value() == "UTC"
    page.get_by_text("Display").click()
    page.get_by_label("Time zone").select_option("browser")
    assert page.locator("input[name=zone]").input_value() == "Asia/Tokyo"


def test_the_theme_is_chosen_and_kept(done: str, open_page: Open) -> None:
    page = open_page(done, color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_text("Display").click()
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
