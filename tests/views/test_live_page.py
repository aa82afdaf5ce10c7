"""A page that is kept up to date takes nothing from the reader's hands, and costs little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import expect

from datanectar.messages import TaskReport
from datanectar.runs.tasks import write_reports
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

Open = Callable[..., Any]
FAMILY = "basic.plain_chain.GreetTask"


class Watched:
    """A run that waits for ever, and what is reported of its tasks."""

    def __init__(self, web: Stack, name: str) -> None:
        answer = web.client.post("basic/plain_chain/GreetTask", name=name)
        self.id = str(answer["run_id"])
        self.url = f"{web.url}/runs/{self.id}"
        self._database = web.store._db

    def report(self, *reports: TaskReport) -> None:
        with self._database.write() as connection:
            write_reports(self._database, connection, self.id, reports)

    def add(self, *names: str, status: str = RUNNING, **more: Any) -> None:
        self.report(
            *(
                TaskReport(
                    name, family=FAMILY, status=status, params={"name": name}, started=1e9, **more
                )
                for name in names
            )
        )


@pytest.fixture
def run(web: Stack, request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched(web, request.node.name)
    yield watched
    web.store.request_cancel(watched.id)


def shown_count(page: Any, count: int) -> None:
    """Wait until the head says how many tasks there are: it has been patched."""
    expect(page.locator("#head .facts")).to_contain_text(f"Tasks{count}", use_inner_text=False)


def test_no_click_is_lost_while_the_page_changes(run: Watched, open_page: Open) -> None:
    """Issue 14, point 1: 7 of 40 clicks were lost."""
    page = open_page(run.url)
    page.evaluate(
        "clicks = 0; addEventListener('submit', e => (clicks++, e.preventDefault(), e.stopPropagation()), true)"
    )
    cancel = page.locator("#cancel")
    for number in range(1, 9):
        box = cancel.bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        run.add(f"t{number}")
        shown_count(page, number)
        page.mouse.up()
        assert page.evaluate("clicks") == number


def test_the_focus_stays_where_it_is_while_the_page_changes(run: Watched, open_page: Open) -> None:
    """Issue 14, point 1: Tab to Cancel, wait 3 s, and Enter did nothing."""
    page = open_page(run.url)
    page.locator("#cancel").focus()
    run.add("first", "second")
    shown_count(page, 2)

    assert page.evaluate("document.activeElement.id") == "cancel"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "cancel"


def test_a_button_that_has_the_focus_stays_when_its_run_ends(
    web: Stack, run: Watched, open_page: Open
) -> None:
    page = open_page(run.url)
    page.locator("#cancel").focus()

    web.store.request_cancel(run.id)
    expect(page.locator("#head .badge")).to_have_text("cancelled")
    assert page.evaluate("document.activeElement.id") == "cancel"

    page.evaluate("document.activeElement.blur()")
    expect(page.locator("#cancel")).to_have_count(0)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_selected_text_stays_selected_and_is_updated_when_it_is_let_go(
    run: Watched, open_page: Open
) -> None:
    run.add("alpha", message="copy me")
    page = open_page(run.url)
    words = page.locator("#task-rows .block", has_text="copy me")
    words.evaluate("element => getSelection().selectAllChildren(element)")

    run.add("alpha", "beta", message="changed")
    shown_count(page, 2)
    assert page.evaluate("String(getSelection())") == "copy me"

    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("#task-rows .block", has_text="copy me")).to_have_count(0)
    expect(page.locator("#task-rows .block", has_text="changed")).to_have_count(2)


def test_what_is_typed_and_opened_stays(run: Watched, open_page: Open) -> None:
    run.add("alpha")
    page = open_page(run.url)
    page.locator("#words").type("alp")
    page.get_by_text("Display").click()

    run.add("beta", error="it broke", status=FAILED)
    expect(page.locator("#chips")).to_contain_text("1 failed")

    expect(page.locator("#words")).to_have_value("alp")
    expect(page.get_by_label("Theme")).to_be_visible()


def test_a_new_task_is_put_in_its_place(run: Watched, open_page: Open) -> None:
    run.add("alpha")
    page = open_page(run.url)
    first = page.locator("#task-rows tr").first
    expect(first).to_contain_text("alpha")
    run.add("beta", error="it broke", status=FAILED)
    expect(first).to_contain_text("it broke")
    expect(page.locator("#task-rows tr")).to_have_count(2)


@contextmanager
def received(page: Any) -> Iterator[list[int]]:
    """Yield a list that takes the size of each event that the page gets."""
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    arrived = "Network.eventSourceMessageReceived"
    session.on(arrived, lambda event: sizes.append(len(event["data"])))
    yield sizes
    session.detach()


def test_of_2001_tasks_only_what_changes_is_sent(run: Watched, open_page: Open) -> None:
    """Issue 14, point 1: each poll was 93 KB."""
    names = [f"part{number:04}" for number in range(2001)]
    run.add(*names)
    page = open_page(run.url)
    expect(page.locator("#chips")).to_contain_text("2001 running")
    expect(page.locator("[data-log-state]")).to_have_text("live")  # the stream is open
    with received(page) as sizes:
        for finished in range(20, 101, 20):
            ended = [
                TaskReport(name, status=DONE, finished=1e9 + 5)
                for name in names[finished - 20 : finished]
            ]
            run.report(*ended)
            expect(page.locator("#chips")).to_contain_text(f"{finished} done", timeout=15_000)
        wait_for(lambda: len(sizes) >= 5, "the changes are counted")
    assert 0 < sum(sizes) < 5 * 15_000  # a row is about 400 bytes, the rest of an update 2 KB


def test_a_page_of_an_ended_run_is_sent_no_parts(web: Stack, run: Watched, open_page: Open) -> None:
    web.store.request_cancel(run.id)
    with web.get(f"/runs/{run.id}", headers={"Accept": "text/html"}) as answer:
        seen = answer.text.partition('data-seen="')[2].partition('"')[0]
    stream = web.get(f"/runs/{run.id}/events?seen={seen}").text
    assert "event: parts" not in stream
    assert "event: over" in stream
    assert "event: end" in stream


def test_a_page_that_lost_its_stream_gets_all_again(
    web: Stack, run: Watched, open_page: Open
) -> None:
    run.add("alpha", status=PENDING)
    page = open_page(run.url)
    shown_count(page, 1)
    web.stop("web")
    expect(page.locator("#away")).to_be_visible()
    run.add("beta", "alpha")
    web.start_web()
    expect(page.locator("#away")).to_be_hidden(timeout=15_000)
    shown_count(page, 2)
