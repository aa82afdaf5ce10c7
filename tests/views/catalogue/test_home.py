"""The table of chains: it waits for none, fills in, is searched, and has the pages of types and chains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.servers.stack import Stack

HTML = {"Accept": "text/html"}
SOUND = '''"""Sound *chain*."""
from datanectar import NectarTask
class SoundTask(NectarTask):
    """Is **sound**."""
    def run(self):
        self.output().open("w").close()
'''


def get(stack: Stack, path: str) -> requests.Response:
    return requests.get(f"{stack.url}{path}", headers=HTML, timeout=10)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    """A web over a sound chain and one whose import waits for a file."""
    gate = tmp_path / "gate"
    stack = Stack(tmp_path / "project", environ={"DATANECTAR_IMPORT_TIMEOUT": "300"})
    stack.chain("a/sound_chain", SOUND)
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.05)\n"
    stack.chain("a/gated_chain", waits + SOUND.replace("SoundTask", "GatedTask"))
    stack.settings.state.mkdir(parents=True)
    try:
        stack.start_web()
        yield stack, gate
    finally:
        gate.touch()
        stack.close()


def test_no_page_waits_for_a_chain_that_hangs(gated: tuple[Stack, Path]) -> None:
    """Each answers within its time limit, although the import takes five minutes."""
    stack, _ = gated
    for path in ("/", "/chains/a", "/history", "/chains/a/sound_chain", "/?q=sound"):
        assert get(stack, path).status_code == 200, path
    assert "SoundTask" in get(stack, "/chains/a/sound_chain/SoundTask").text
    for path in ("/chains/a/gated_chain", "/chains/a/gated_chain/GatedTask"):
        page = get(stack, path)
        assert (page.status_code, "is being read" in page.text) == (200, True), path


@pytest.mark.slow
def test_the_table_fills_in_by_itself(
    gated: tuple[Stack, Path], open_page: Callable[..., Any]
) -> None:
    stack, gate = gated
    page = open_page(stack.url)
    expect(page.get_by_text("being read", exact=False).first).to_be_visible()
    waiting = open_page(f"{stack.url}/chains/a/gated_chain/GatedTask")
    expect(waiting.get_by_text("is being read")).to_be_visible()
    gate.touch()
    expect(page.get_by_role("link", name="GatedTask")).to_be_visible(timeout=20_000)
    expect(waiting.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=20_000)


def test_types_and_chains_have_pages(web: Stack) -> None:
    web.get("/api/chains")  # waits until all are read
    assert "WatchedTask" in get(web, "/chains/pages").text
    assert "GreetTask" not in get(web, "/chains/pages").text
    page = get(web, "/chains/pages/gated_chain").text
    assert "WatchedTask" in page and "JsonTask" in page
    broken = get(web, "/chains/broken/raises_chain")
    assert (broken.status_code, "can't be imported" in broken.text) == (200, True)
    for path in ("/chains/nosuch", "/chains/pages/nosuch_chain"):
        assert get(web, path).status_code == 404


def test_docs_are_rendered_whole(web: Stack) -> None:
    web.chain(
        "a/sound_chain", SOUND.replace("Is **sound**.", "Is **sound**.\n\n    - one\n    - two")
    )
    page = get(web, "/chains/a/sound_chain/SoundTask").text
    assert "<strong>sound</strong>" in page and "<li>two</li>" in page
    assert "<em>chain</em>" in get(web, "/chains/a/sound_chain").text


def test_the_history_finds_parts_of_names(stack: Stack) -> None:
    stack.run("basic/plain_chain/GreetTask", name="parts")
    for query in (
        "task=greet",
        "task=EETT",
        "chain=plain",
        "task=GreetTask",
        "chain=lain_&task=tTa",
    ):
        assert "GreetTask" in get(stack, f"/history?{query}").text.partition("<tbody")[2], query
    for query in ("task=nosuch", "task=%25", "chain=greet", "task=Greet_ask"):
        assert "No run matches" in get(stack, f"/history?{query}").text, query
    runs = requests.get(f"{stack.url}/api/runs?task=greet", timeout=20).json()["data"]["runs"]
    assert runs == []  # the API's filters are whole names


@pytest.mark.slow
def test_the_last_runs_of_each_task_are_in_the_table(
    stack: Stack, open_page: Callable[..., Any]
) -> None:
    for number in range(3):
        stack.run("basic/plain_chain/GreetTask", name=f"table {number}")
    stack.run("pages/gated_chain/FailingTask")
    page = open_page(f"{stack.url}/?q=gated")
    row = page.get_by_role("row", name="FailingTask")
    expect(row.get_by_role("img", name="Last 1 runs of FailingTask: 1 failed")).to_be_visible()
    expect(row.get_by_role("link", name="failed latest run")).to_be_visible()
    stack.run("pages/gated_chain/JsonTask")  # the page learns of it
    row = page.get_by_role("row", name="JsonTask")
    expect(row.get_by_role("link", name="done latest run")).to_be_visible(timeout=20_000)


@pytest.mark.slow
def test_the_page_of_a_type_goes_on_with_that_type(
    stack: Stack, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{stack.url}/chains/pages")
    expect(page.get_by_role("link", name="WatchedTask", exact=True)).to_be_visible()
    run = stack.run("pages/gated_chain/HtmlTask", words="of a type")["run_id"]
    expect(page.locator(f'#table a[href="/runs/{run}"]')).to_be_visible(timeout=20_000)
    expect(page.get_by_role("link", name="GreetTask", exact=True)).to_have_count(0)


@pytest.mark.slow
def test_slash_searches_and_stars_are_kept(stack: Stack, open_page: Callable[..., Any]) -> None:
    page = open_page(stack.url)
    page.keyboard.press("/")
    page.keyboard.type("watched")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=watched**")
    page.get_by_role("button", name="Favourite: WatchedTask").click()
    page.goto(stack.url)
    expect(page.get_by_role("button", name="Favourite: WatchedTask")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("link", name="Favourites (1)").click()
    expect(page.get_by_role("link", name="WatchedTask", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="GreetTask", exact=True)).to_have_count(0)
