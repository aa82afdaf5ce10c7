"""What a person does with the pages, in a real browser against a real service."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.servers.processes import wait_for
from tests.servers.stack import Stack

Open = Callable[..., Any]

BROKEN_LINE = 'raise ValueError("the feed is empty")'
MENDABLE = f'''
import luigi
from datanectar import NectarTask

class FirstTask(NectarTask):
    """Is done before the failure."""
    def run(self):
        with self.output().open("w") as out:
            out.write("first")

class SecondTask(NectarTask):
    """Fails until it is mended."""
    word = luigi.Parameter(default="it")
    def requires(self):
        return FirstTask()
    def run(self):
        {BROKEN_LINE}
        with self.output().open("w") as out:
            out.write("mended")
'''


def start_gated(stack: Stack, open_page: Open, gate: Path, name: str, **options: Any) -> Any:
    """Fill the gated task's form, press Run, and return the page of the run."""
    page = open_page(f"{stack.url}/chains/pages/gated_chain/WatchedTask", **options)
    page.get_by_label("name").fill(name)
    page.locator("#p-gate").fill(str(gate))
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/runs/*")
    return page


def key_of(stack: Stack, path: str) -> str:
    """Return the key that a task has, e.g. ``type/chain/Task?name=value``."""
    task, _, query = path.partition("?")
    return str(stack.get(f"/api/chains/{task}/key?{query}").json()["data"]["key"])


def badge(page: Any) -> Any:
    return page.locator("#head .badge")


def node(page: Any, status: str) -> Any:
    return page.locator(f"#graph .node.status-{status}")


def test_the_home_page_leads_from_a_chain_to_the_form_of_its_task(
    stack: Stack, open_page: Open
) -> None:
    page = open_page(stack.url)
    expect(page.get_by_text("What the pages' tests watch")).to_be_visible()

    page.get_by_role("link", name="WatchedTask").click()

    expect(page.get_by_role("heading", name="WatchedTask")).to_be_visible()
    expect(page.get_by_text("Waits for a file before it goes on.")).to_be_visible()
    inputs = {name: page.locator(f"#p-{name}") for name in ("day", "count", "mode", "strict")}
    assert inputs["day"].get_attribute("type") == "date"
    assert inputs["day"].input_value() == "2016-06-03"
    assert inputs["count"].get_attribute("type") == "number"
    assert inputs["mode"].locator("option").all_inner_texts() == ["fast", "slow"]
    assert inputs["strict"].is_checked()
    assert page.locator("#p-name").get_attribute("required") is not None
    about = page.locator("#p-gate-about").inner_text()
    assert "the file to wait for" in about
    assert "not part of the key" in about


def test_a_chain_that_can_not_be_imported_says_so_and_what_to_do(
    stack: Stack, open_page: Open
) -> None:
    page = open_page(f"{stack.url}/?type=broken")
    chain = page.locator(".chain-row", has=page.get_by_role("link", name="raises", exact=True))
    chain.get_by_text("can't be imported").click()
    expect(chain.get_by_text("ValueError").first).to_be_visible()
    expect(chain.get_by_text("raises_chain.py").first).to_be_visible()
    expect(page.get_by_text("nothing has to be restarted")).to_be_visible()


def test_a_search_finds_chains_by_words_of_their_docs(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.url)
    page.get_by_label("Search chains").fill("waits for a file before it goes")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".chain-row")).to_have_count(1)
    page.get_by_label("Search chains").fill("no such words")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("No chain matches")).to_be_visible()


def test_a_wrong_value_is_named_at_its_field_and_what_was_typed_stays(
    stack: Stack, open_page: Open, tmp_path: Path
) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/WatchedTask")
    page.get_by_label("name").fill("kept as typed")
    page.get_by_label("mode").select_option("slow")
    page.get_by_label("strict").uncheck()
    page.get_by_role("button", name="As JSON").click()
    page.locator("#p-weights").fill("[1,")

    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_role("alert").get_by_text("Nothing was started")).to_be_visible()
    expect(page.locator("#p-weights-error")).to_contain_text("not JSON, such as [1, 2]")
    assert page.locator("#p-weights").get_attribute("aria-invalid") == "true"
    expect(page.locator("#p-weights")).to_have_value("[1,")
    expect(page.get_by_label("name")).to_have_value("kept as typed")
    expect(page.get_by_label("mode")).to_have_value("slow")
    expect(page.get_by_label("strict")).not_to_be_checked()
    expect(page.get_by_text("It has not run yet.")).to_be_visible()

    page.locator("#p-weights").fill("[1]")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/runs/*")
    badge(page).get_by_text("done").wait_for()
    expect(page.locator("#result").get_by_role("cell", name="False")).to_be_visible()


def test_a_list_is_edited_by_its_items_and_the_commands_follow(
    stack: Stack, open_page: Open
) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/WatchedTask")
    page.locator("#p-name").fill("it's Ada")
    page.get_by_label("weights: value 1").fill("0.5")
    page.get_by_role("button", name="Remove item 2 of weights").click()
    page.get_by_role("button", name="Add an item").click()
    page.get_by_label("weights: value 2").fill("heavy")
    page.get_by_label("strict").uncheck()

    curl = page.locator("#command-curl")
    expect(curl).to_contain_text("""'weights=[0.5,"heavy"]'""")
    expect(curl).to_contain_text("strict=false")
    expect(page.locator("#command-python")).to_contain_text('name="it\'s Ada"')
    shell = page.locator("#command-shell").inner_text()
    assert shlex.split(shell)[:4] == [
        "datanectar",
        "run",
        "pages/gated_chain/WatchedTask",
        "name=it's Ada",
    ]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for curl").click()
    expect(page.locator("#toasts")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == curl.inner_text()

    page.get_by_role("button", name="Look up the key").click()
    expect(page.locator("#key")).to_contain_text('weights=[0.5, "heavy"]')


def test_an_hour_is_chosen_and_means_itself(stack: Stack, open_page: Open) -> None:
    stack.chain(
        "fresh/hours_chain",
        "import luigi\nfrom datanectar import NectarTask\n"
        "class HourTask(NectarTask):\n    hour = luigi.DateHourParameter()\n"
        "class SecondTask(NectarTask):\n    at = luigi.DateSecondParameter()\n",
    )
    for task, name, typed, meant in (
        ("HourTask", "hour", "2026-06-03T14:00", "hour=2026-06-03T14"),
        ("SecondTask", "at", "2026-06-03T14:05:07", "at=2026-06-03T140507"),
    ):
        page = open_page(f"{stack.url}/chains/fresh/hours_chain/{task}")
        page.locator(f"#p-{name}").fill(typed)
        page.get_by_role("button", name="Look up the key").click()
        expect(page.locator("#key")).to_contain_text(meant)
        expect(page.locator(f"#p-{name}")).to_have_value(typed)


def test_a_run_is_watched_from_its_log_and_graph_to_its_result(
    stack: Stack, open_page: Open, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    page = start_gated(stack, open_page, gate, "watched")

    page.get_by_text("before the gate").wait_for()
    node(page, "RUNNING").wait_for()
    page.get_by_text("50 % · at the gate").first.wait_for()
    expect(node(page, "DONE")).to_have_count(2)
    expect(page.get_by_text("behind the gate")).to_have_count(0)
    gate.touch()
    page.get_by_text("behind the gate").wait_for()
    badge(page).get_by_text("done").wait_for()
    wait_for(lambda: node(page, "DONE").count() == 3, "the whole graph is green")

    assert page.title().startswith("done: WatchedTask")
    expect(page.locator("#announcer")).to_have_text("WatchedTask is done")
    expect(page.locator("#result").get_by_role("cell", name="watched")).to_be_visible()
    link = page.get_by_role("link", name="Open out.csv")
    assert page.request.get(link.get_attribute("href")).text() == "name,strict\nwatched,True\n"
    bars = page.locator("#tasks .bar rect")
    expect(bars).to_have_count(3)


def test_each_task_of_the_graph_leads_to_its_log_in_one_click(
    stack: Stack, open_page: Open
) -> None:
    page = start_gated(stack, open_page, Path(), "one click")
    badge(page).get_by_text("done").wait_for()
    before = page.url

    page.locator("#graph a", has_text="SourceTask").first.click()

    words = page.locator("#log .fg2")
    words.get_by_text("green words").wait_for()
    assert words.inner_text() == "green words"
    expect(page.locator("#log h2")).to_contain_text("SourceTask")
    assert page.url.startswith(before)
    page.reload()
    page.get_by_text("green words").wait_for()  # the address holds which log it is


def test_a_failure_shows_its_traceback_and_a_mended_chain_goes_on_from_there(
    stack: Stack, open_page: Open
) -> None:
    stack.chain("mended/feed_chain", MENDABLE)
    page = open_page(f"{stack.url}/chains/mended/feed_chain/SecondTask")
    page.get_by_role("button", name="Run", exact=True).click()
    badge(page).get_by_text("failed").wait_for()

    expect(page.locator("#error strong")).to_have_text("ValueError: the feed is empty")
    trace = page.locator("#traceback pre")
    expect(trace).not_to_be_visible()
    page.get_by_text("Traceback", exact=True).click()
    expect(trace).to_contain_text(BROKEN_LINE)
    expect(node(page, "FAILED")).to_have_count(1)
    expect(page.locator("#log pre")).to_contain_text("the feed is empty")

    first = stack.file(key_of(stack, "mended/feed_chain/FirstTask"))
    made = first.stat().st_mtime_ns
    stack.chain("mended/feed_chain", MENDABLE.replace(BROKEN_LINE, "pass"))
    page.get_by_role("button", name="Run again").click()
    badge(page).get_by_text("done").wait_for()
    expect(page.locator("#result pre")).to_have_text("mended")
    assert first.stat().st_mtime_ns == made


def test_a_run_is_cancelled_and_run_again(stack: Stack, open_page: Open, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page = start_gated(stack, open_page, gate, "cancelled")
    page.get_by_text("before the gate").wait_for()

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    badge(page).get_by_text("cancelled").wait_for()
    expect(page.get_by_text("run again to pick up there")).to_be_visible()

    gate.touch()
    page.get_by_role("button", name="Run again").click()
    badge(page).get_by_text("done").wait_for()


def test_a_dropped_result_can_be_made_anew(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/JsonTask")
    page.get_by_role("button", name="Run", exact=True).click()
    badge(page).get_by_text("done").wait_for()
    expect(page.locator("#result .tree")).to_contain_text("answer [2]0 421 null")

    page.get_by_role("button", name="Drop the result").click()
    page.get_by_role("dialog").get_by_role("button", name="Drop the result").click()
    page.get_by_text("has been dropped").or_(page.get_by_text("not there any more")).wait_for()
    page.get_by_role("button", name="Run again").click()
    page.locator("#result .tree").wait_for()


def test_running_what_is_there_leads_to_the_run_that_made_it(stack: Stack, open_page: Open) -> None:
    first = start_gated(stack, open_page, Path(), "there already")
    badge(first).get_by_text("done").wait_for()

    again = start_gated(stack, open_page, Path(), "there already")

    expect(again.get_by_text("nothing was started")).to_be_visible()
    assert again.url.partition("?")[0] == first.url


def test_the_key_is_looked_up_and_starts_nothing(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/WatchedTask?name=only+asked")
    page.get_by_role("button", name="Look up the key").click()
    key = key_of(stack, "pages/gated_chain/WatchedTask?name=only+asked")
    expect(page.locator("#key").get_by_text(key)).to_be_visible()
    expect(page.locator("#key h2")).to_contain_text("not there yet")
    assert stack.get("/api/runs?param=name%3Donly+asked").json()["data"]["runs"] == []


def test_pictures_are_shown(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/PictureTask")
    page.get_by_role("button", name="Run", exact=True).click()
    picture = page.locator("img.picture")
    picture.wait_for()
    wait_for(lambda: picture.evaluate("image => image.naturalWidth") == 1, "the picture is loaded")


def test_markup_in_logs_results_and_parameters_stays_text(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/HtmlTask")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("#log", has_text="taken over").wait_for()
    badge(page).get_by_text("done").wait_for()
    expect(page.locator("#result pre")).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#about").get_by_text("<b>bold</b>")).to_be_visible()
    assert page.title().startswith("done")


def test_the_pages_do_their_job_without_scripts(
    stack: Stack, open_page: Open, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    page = start_gated(stack, open_page, gate, "no script", java_script_enabled=False)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("What it has not finished is lost")).to_be_visible()
    page.get_by_role("button", name="Cancel the run").click()

    def cancelled() -> bool:
        page.reload()
        return bool(badge(page).inner_text() == "cancelled")

    wait_for(cancelled, "the run is cancelled")


def test_the_history_is_filtered_and_what_can_not_be_asked_is_named(
    stack: Stack, open_page: Open
) -> None:
    badge(start_gated(stack, open_page, Path(), "in history")).get_by_text("done").wait_for()
    page = open_page(f"{stack.url}/history")
    page.get_by_label("Parameter").fill("name=in history")
    page.get_by_label("Status").select_option("DONE")
    page.get_by_label("Task").fill("WatchedTask")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("table.runs tbody tr")).to_have_count(1)
    expect(page.get_by_label("Parameter")).to_have_value("name=in history")

    page.get_by_label("Parameter").fill("nonsense")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#f-param-error")).to_have_text("name=value")
    page.goto(f"{stack.url}/history?task=NoSuchTask")
    expect(page.get_by_text("No run matches these filters")).to_be_visible()


def test_older_runs_are_a_page_further(stack: Stack, open_page: Open) -> None:
    for number in range(3):
        stack.run("basic/plain_chain/GreetTask", name=f"page {number}")
    page = open_page(f"{stack.url}/history?task=GreetTask&limit=2")
    expect(page.locator("table.runs tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_text("page 0")).to_have_count(1)
    page.get_by_role("link", name="Newest").click()
    expect(page.get_by_text("page 2")).to_have_count(1)


def test_the_api_is_tried_out_on_its_page(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/docs")
    page.get_by_label("Search operations").fill("post watchedtask")
    page.locator("summary", has_text="WatchedTask").click()
    page.get_by_label("name").fill("tried out")
    page.get_by_role("button", name="Send").click()
    page.get_by_text('"job_status": "PENDING"').wait_for()
    assert stack.get("/api/runs?param=name%3Dtried+out").json()["data"]["runs"]


def test_luigids_own_page_draws_the_graph_of_the_same_run(stack: Stack, open_page: Open) -> None:
    page = start_gated(stack, open_page, Path(), "at luigid")
    badge(page).get_by_text("done").wait_for()
    page.get_by_role("link", name="graph at luigid").click()
    page.locator("#graphContainer svg text", has_text="WatchedTask").first.wait_for()
    expect(page.locator("#graphContainer svg text", has_text="SourceTask")).to_have_count(2)


def test_everything_is_reached_by_the_keyboard(stack: Stack, open_page: Open) -> None:
    page = open_page(f"{stack.url}/chains/pages/gated_chain/JsonTask")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "pages"
