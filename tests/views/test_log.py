"""The log on a run's page: colours, progress bars, and a hundred megabytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.servers.processes import wait_for
from tests.servers.stack import Stack

Open = Callable[..., Any]


@pytest.fixture
def log_page(stack: Stack, open_page: Open) -> Callable[[bytes], Any]:
    """Open the page of a run that has the given log."""

    def opened(content: bytes) -> Any:
        status = stack.run("pages/gated_chain/JsonTask")
        stack.file(str(status["key"]), "log").write_bytes(content)
        page = open_page(f"{stack.url}/runs/{status['run_id']}")
        expect(page.locator("[data-log-state]")).to_have_text("complete")
        return page

    return opened


def lines(page: Any) -> list[str]:
    return list(page.locator("[data-log-lines] > div").all_inner_texts())


def test_a_log_of_100_mb_leaves_the_page_quick(log_page: Callable[[bytes], Any]) -> None:
    line = b"%09d " + b"x" * 89 + b"\n"
    content = b"".join(line % number for number in range(1_050_000))
    assert len(content) > 100_000_000
    begin = time.monotonic()
    page = log_page(content)
    expect(page.get_by_text("001049999")).to_be_visible()
    assert time.monotonic() - begin < 15
    shown = lines(page)
    assert 1000 < len(shown) <= 4000
    assert shown[0] == "… earlier lines are in the whole log"
    begin = time.monotonic()
    page.mouse.wheel(0, 500)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert time.monotonic() - begin < 2


def test_the_page_keeps_the_last_lines_of_very_many(log_page: Callable[[bytes], Any]) -> None:
    page = log_page(b"".join(b"%d\n" % number for number in range(40_000)))
    assert lines(page) == [str(number) for number in range(36_000, 40_000)]


def test_a_line_without_an_end_is_shown_in_part(log_page: Callable[[bytes], Any]) -> None:
    page = log_page(b"y" * 200_000)
    wait_for(lambda: lines(page), "the line is shown")
    (only,) = lines(page)
    assert len(only) == 4001
    assert only.endswith("…")


def test_colours_go_on_over_lines_until_they_are_reset(log_page: Callable[[bytes], Any]) -> None:
    page = log_page(
        b"\x1b[1;31mred\nstill red\x1b[0m plain\n\x1b[38;5;200mother\x1b[K\x1b]0;t\x07!\n"
    )
    assert lines(page) == ["red", "still red plain", "other!"]
    assert page.locator(".fg1.bold").all_inner_texts() == ["red", "still red"]


def test_a_progress_bar_shows_its_last_state(log_page: Callable[[bytes], Any]) -> None:
    page = log_page(b"start\r\n10 %\r50 %\r100 %\ndone\n")
    assert lines(page) == ["start", "100 %", "done"]


def test_an_empty_log_says_so(log_page: Callable[[bytes], Any], stack: Stack) -> None:
    status = stack.run("pages/gated_chain/JsonTask")
    page = log_page(b"filled")
    stack.file(str(status["key"]), "log").write_bytes(b"")
    page.reload()
    expect(page.locator("[data-log-state]")).to_have_text("nothing was logged")


def test_a_tail_begins_so_many_bytes_before_the_end(stack: Stack) -> None:
    status = stack.run("pages/gated_chain/JsonTask")
    stack.file(str(status["key"]), "log").write_bytes(b"0123456789")
    target = f"/api/chainlog?chain={status['key']}/out.txt"
    events = {"Accept": "text/event-stream"}
    tail = stack.get(f"{target}&tail=4", headers=events).text
    assert tail.startswith('event: cut\ndata: 6\n\nid: 10\ndata: "6789"')
    whole = stack.get(f"{target}&tail=10", headers=events).text
    assert whole.startswith('id: 10\ndata: "0123456789"')
    resumed = stack.get(f"{target}&tail=4", headers={**events, "Last-Event-ID": "9"}).text
    assert resumed.startswith('id: 10\ndata: "9"')
    refused = stack.get(f"{target}&tail=x", headers=events)
    assert (refused.status_code, refused.json()["data"]["fields"].keys()) == (400, {"tail"})


def test_the_times_of_lines_are_shown_in_the_chosen_zone_on_demand(
    stack: Stack, open_page: Open
) -> None:
    status = stack.run("pages/gated_chain/JsonTask")
    log = b"2026-11-28 23:30:00,133+0000 INFO one\n2026-01-01T00:00:05Z two\nthree\n"
    stack.file(str(status["key"]), "log").write_bytes(log)
    page = open_page(f"{stack.url}/runs/{status['run_id']}", timezone_id="Europe/Berlin")
    rows = page.locator("[data-log-lines] > div")
    expect(rows).to_have_count(3)
    shown = "row => getComputedStyle(row, '::after').content"
    assert rows.first.evaluate(shown) == "none"
    page.get_by_label("times in my zone").check()
    assert "2026-11-29 00:30:00 Europe/Berlin" in rows.first.evaluate(shown)
    assert "2026-01-01 01:00:05 Europe/Berlin" in rows.nth(1).evaluate(shown)
    assert rows.nth(2).evaluate(shown) == "none"  # it does not say when it was written
    page.locator("#display summary").click()
    page.locator("#zone").select_option("utc")
    assert "2026-11-28 23:30:00 UTC" in rows.first.evaluate(shown)
