"""``GET /api/chains``: what is listed, what is wrong with the rest, and what has changed since."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datanectar.catalog.listing_cache import Catalog
from datanectar.child_pool import ChildPool
from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

SOURCE = """
import luigi
from datanectar import NectarTask

class NamedTask(NectarTask):
    name = luigi.Parameter(default="{default}")
"""


def chain(web: Stack, place: str) -> dict[str, Any]:
    return dict(data(web.get(f"/api/chains/{place}")))


def names(web: Stack, type: str) -> list[str]:
    return [c["name"] for c in data(web.get("/api/chains")) if c["type"] == type]


def parameters(web: Stack, place: str) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in data(web.get(f"/api/chains/{place}"))["parameters"]}


def test_only_a_modules_own_tasks_whose_names_end_in_task_have_a_route(web: Stack) -> None:
    listed = [task["name"] for task in chain(web, "http/offers_chain")["tasks"]]

    assert listed == ["OfferTask", "TodayTask", "PlainTask"]


def test_a_module_that_is_no_chain_by_name_is_not_listed(web: Stack) -> None:
    assert names(web, "http").count("offers_chain") == 1
    assert "base" not in names(web, "http")
    refused(web.get("/api/chains/http/base"), 404)


def test_a_chain_shows_its_docs_and_where_each_task_is_to_be_found(web: Stack) -> None:
    described = chain(web, "http/offers_chain")
    task = described["tasks"][0]

    assert described["doc"] == "What a chain can offer, for the tests of discovery."
    assert described["error"] is None
    assert described["api_href"] == f"{web.url}/api/chains/http/offers_chain"
    assert task["doc"] == "Offers one of each.\n\nAnd says more about it."
    assert task["api_href"] == f"{web.url}/api/chains/http/offers_chain/OfferTask"
    path = task["api_href"].removeprefix(web.url)
    assert data(web.get(path)) == task


def test_each_parameter_is_described_by_type_default_and_choices(web: Stack) -> None:
    described = parameters(web, "http/offers_chain/OfferTask")

    assert described["needed"] == {
        "name": "needed",
        "type": "IntParameter",
        "required": True,
        "default": None,
        "description": "how many",
        "choices": None,
        "significant": True,
        "private": False,
        "optional": False,
    }
    assert described["day"]["default"] == "2026-06-03"
    assert (described["colour"]["default"], described["colour"]["choices"]) == (
        "RED",
        ["RED", "BLUE"],
    )
    assert described["size"]["choices"] == ["large", "small"]
    assert described["size"]["description"] is None
    assert (described["quiet"]["default"], described["quiet"]["significant"]) == ("True", False)
    assert (described["maybe"]["optional"], described["maybe"]["default"]) == (True, None)


def test_the_default_of_a_hidden_or_private_parameter_is_not_shown(web: Stack) -> None:
    listing = web.get("/api/chains")

    described = parameters(web, "http/offers_chain/OfferTask")
    assert (described["password"]["required"], described["password"]["private"]) == (False, True)
    assert "hunter" not in listing.text
    assert "hunter" not in web.get("/api/chains/http/offers_chain/OfferTask/key?needed=1").text


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raises_chain", "ValueError: the weather is bad (raises_chain.py, line 3)"),
        ("lacks_chain", "No module named 'no_such_module_anywhere' (lacks_chain.py, line 3)"),
        ("leaves_chain", "it calls sys.exit(7) when it is imported (leaves_chain.py, line 5)"),
        ("vanishes_chain", "its import ended the process (exit code 0)"),
        ("segfaults_chain", "its import ended the process (killed by SIGSEGV)"),
    ],
)
def test_a_chain_that_cannot_be_imported_is_listed_with_its_error(
    web: Stack, name: str, error: str
) -> None:
    listed = {c["name"]: c for c in data(web.get("/api/chains/broken"))}

    assert error in listed[name]["error"]
    assert listed[name]["tasks"] == []
    assert error in chain(web, f"broken/{name}")["error"]
    assert error in refused(web.post(f"broken/{name}/AnyTask"), 422)["message"]
    assert names(web, "http")  # the rest is there all the same


def test_a_syntax_error_is_shown_with_its_file_and_line(web: Stack) -> None:
    web.chain("http/misspelt_chain", "import luigi\n\ndef oops(:\n")

    assert (
        chain(web, "http/misspelt_chain")["error"]
        == "SyntaxError: invalid syntax (misspelt_chain.py, line 3)"
    )


def test_a_default_that_cannot_be_written_down_costs_its_own_task_alone(web: Stack) -> None:
    crooked, sound = chain(web, "broken/default_chain")["tasks"]

    assert crooked["error"].startswith("parameter day: its default can't be used: ")
    assert (sound["error"], len(sound["parameters"])) == (None, 1)


@pytest.mark.slow
def test_a_chain_that_hangs_at_import_has_its_time_limit_and_the_rest_goes_on(
    make_stack: Any,
) -> None:
    stack = make_stack(DATANECTAR_IMPORT_TIMEOUT="1.5")
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    stack.chain("slow/hangs_chain", "import time\ntime.sleep(60)\n")
    listings: list[Any] = []
    listing = threading.Thread(target=lambda: listings.append(stack.get("/api/chains/slow")))

    listing.start()
    began = time.monotonic()
    data(stack.get("/api/chains/basic/plain_chain/GreetTask/key"))
    meanwhile = time.monotonic() - began
    listing.join()

    assert meanwhile < 1.2
    error = "its import took longer than 1.5 s (DATANECTAR_IMPORT_TIMEOUT)"
    assert error in data(listings[0])[0]["error"]
    assert error in refused(stack.post("slow/hangs_chain/AnyTask"), 422)["message"]
    began = time.monotonic()
    data(stack.get("/api/chains"))
    assert time.monotonic() - began < 1.2, "a chain that hangs must not hang every listing"


@pytest.mark.slow
def test_a_chain_that_hangs_leaves_threads_for_everybody_else(make_stack: Any) -> None:
    """faults 3.19, 3.20"""
    stack = make_stack(DATANECTAR_IMPORT_TIMEOUT="6", DATANECTAR_WEB_THREADS="4")
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    stack.chain("slow/hangs_chain", "import time\ntime.sleep(60)\n")
    ways: list[Callable[[], Any]] = [
        lambda: stack.post("slow/hangs_chain/AnyTask"),
        lambda: stack.get("/api/chains/slow/hangs_chain"),
    ]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(way) for way in ways * 4]
        time.sleep(0.5)
        began = time.monotonic()
        assert stack.get("/api/runs").ok
        assert time.monotonic() - began < 4
        answers = [one.result() for one in asked]

    full = [answer for answer in answers if answer.status_code == 503]
    assert len(full) >= 2
    assert {answer.headers["Retry-After"] for answer in full} == {"5"}
    assert {answer.status_code for answer in answers} <= {200, 422, 503}
    # What has ended has left its place; and the short form waits for its own type alone.
    stack.chain("slow/other_chain", "import time\ntime.sleep(60)\n")
    began = time.monotonic()
    refused(stack.post("basic/NoSuchTask"), 404)
    assert time.monotonic() - began < 4


def test_a_new_an_edited_and_a_deleted_chain_show_without_a_restart(web: Stack) -> None:
    web.chain("made/edited_chain", SOURCE.format(default="one"))
    assert parameters(web, "made/edited_chain/NamedTask")["name"]["default"] == "one"

    # Of the same size and within the same second, so that a cached bytecode would still fit.
    web.chain("made/edited_chain", SOURCE.format(default="two"))
    assert parameters(web, "made/edited_chain/NamedTask")["name"]["default"] == "two"
    explained = data(web.get("/api/chains/made/edited_chain/NamedTask/key"))
    assert explained["parameters"] == {"name": "two"}

    (web.project / "code/chains/made/edited_chain.py").unlink()
    assert "edited_chain" not in names(web, "made")
    refused(web.get("/api/chains/made/edited_chain"), 404)
    refused(web.post("made/edited_chain/NamedTask"), 404)


def test_an_edit_of_a_helper_shows_in_the_chain_that_imports_it(web: Stack) -> None:
    helper = web.project / "code/chains/made/helper.py"
    helper.parent.mkdir(exist_ok=True)
    helper.write_text("NAME = 'one'\n")
    source = SOURCE.format(default="x").replace('"x"', "NAME")
    web.chain("made/uses_chain", f"from chains.made.helper import NAME\n{source}")
    assert parameters(web, "made/uses_chain/NamedTask")["name"]["default"] == "one"

    helper.write_text("NAME = 'two'\n")
    assert parameters(web, "made/uses_chain/NamedTask")["name"]["default"] == "two"


def test_a_chain_recovers_when_what_it_imports_is_mended(web: Stack) -> None:
    helper = web.project / "code/chains/made/mended.py"
    source = SOURCE.format(default="x").replace('"x"', "NAME")
    web.chain("made/mends_chain", f"from chains.made.mended import NAME\n{source}")
    assert "No module named" in chain(web, "made/mends_chain")["error"]

    helper.write_text("NAME = = 1\n")
    wait_for(lambda: "SyntaxError" in (chain(web, "made/mends_chain")["error"] or ""), "is broken")
    helper.write_text("NAME = 'mended'\n")
    wait_for(lambda: chain(web, "made/mends_chain")["error"] is None, "is mended")
    assert parameters(web, "made/mends_chain/NamedTask")["name"]["default"] == "mended"


@pytest.mark.parametrize("task", ["NoneInt", "NonePlain", "NoneDate", "Optional"])
def test_a_parameter_that_may_be_none_is_listed_as_optional(web: Stack, task: str) -> None:
    """fault 3.22: an optional parameter's None"""
    value = parameters(web, f"http/kinds_chain/{task}Task")["value"]

    assert value["optional"] is True
    assert value["default"] == ("d" if task == "Optional" else None)


def test_a_default_that_cant_be_carried_is_told_and_the_rest_is_listed(web: Stack) -> None:
    """fault 1.2, fault 3.13"""
    tasks = {task["name"]: task for task in chain(web, "luigi/values_chain")["tasks"]}

    assert "'thing' has no stable text" in tasks["ThingTask"]["error"]
    assert "'name' has a default with a character" in tasks["HalfALetterTask"]["error"]
    assert tasks["UntypedTask"]["error"] is None
    shown = {item["name"]: item["default"] for item in tasks["UntypedTask"]["parameters"]}
    assert shown["wipe"] == "False"
    assert {item["default"] for item in tasks["PriceTask"]["parameters"]} == {"1.0"}


def test_todays_date_as_a_default_is_todays(web: Stack) -> None:
    def default() -> object:
        return parameters(web, "http/offers_chain/TodayTask")["day"]["default"]

    before = date.today()
    explained = data(web.get("/api/chains/http/offers_chain/TodayTask/key"))
    assert default() in (before.isoformat(), date.today().isoformat())
    assert explained["parameters"]["day"] in (before.isoformat(), date.today().isoformat())


def test_a_default_is_worked_out_anew_for_each_request(web: Stack) -> None:
    clock = web.project / "clock"
    source = SOURCE.format(default="x").replace('"x"', f"open({str(clock)!r}).read()")
    web.chain("made/clock_chain", source)
    path = "/api/chains/made/clock_chain/NamedTask/key"

    clock.write_text("23:59")
    first = data(web.get(path))
    clock.write_text("00:00")
    second = data(web.get(path))

    assert (first["parameters"]["name"], second["parameters"]["name"]) == ("23:59", "00:00")
    assert first["key"] != second["key"]


def test_a_default_that_is_the_present_moment_is_not_listed_when_it_has_passed(
    make_stack: Any,
) -> None:
    """fault 3.22: a sub-day default"""
    stack = make_stack()
    clock = stack.project / "clock"
    clock.write_text("2026-06-03T1000")
    source = SOURCE.format(default="x").replace('"x"', f"open({str(clock)!r}).read()")
    stack.chain("made/clock_chain", source)
    children = ChildPool(stack.settings, ahead=0)
    try:
        catalog = Catalog(stack.settings, children, today=lambda: date(2026, 6, 3))

        def default() -> object:
            chains = {chain.name: chain for chain in catalog.chains()}
            return chains["clock_chain"].tasks[0].parameters[0].default

        assert default() == "2026-06-03T1000"
        clock.write_text("2026-06-03T1001")
        wait_for(lambda: default() == "2026-06-03T1001", "the listing has the time of now")
    finally:
        children.close()


def test_what_is_listed_today_is_looked_at_again_tomorrow(make_stack: Any) -> None:
    stack = make_stack()
    clock = stack.project / "clock"
    clock.write_text("today")
    source = SOURCE.format(default="x").replace('"x"', f"open({str(clock)!r}).read()")
    stack.chain("made/clock_chain", source)
    days = [date(2026, 6, 3)]
    children = ChildPool(stack.settings, ahead=0)
    try:
        catalog = Catalog(stack.settings, children, today=lambda: days[-1])

        def default() -> object:
            return catalog.chain("made", "clock_chain").tasks[0].parameters[0].default

        assert default() == "today"
        clock.write_text("tomorrow")
        assert default() == "today"  # nothing that is watched has changed
        days.append(date(2026, 6, 4))
        assert default() == "tomorrow"
    finally:
        children.close()


@pytest.mark.parametrize("place", ["my-etl/some_chain", "made/so-so_chain", "made/été_chain"])
def test_a_name_that_cannot_be_a_route_is_reported_and_not_served(web: Stack, place: str) -> None:
    web.chain(place, SOURCE.format(default="x"))
    name = place.split("/")[1]

    listed = next(c for c in data(web.get("/api/chains")) if c["name"] == name)

    assert "can't be part of a route" in listed["error"]
    assert listed["tasks"] == []
    refused(web.get(f"/api/chains/{place}"), 404)
    refused(web.post(f"{place}/NamedTask"), 404)


def test_a_file_name_that_is_no_text_and_a_link_to_nowhere_take_nothing_down(web: Stack) -> None:
    folder = web.project / "code/chains/odd"
    folder.mkdir()
    Path(os.fsdecode(bytes(folder) + b"/\xff_chain.py")).write_text("")
    (folder / "gone_chain.py").symlink_to("/no/such/file")
    (folder / "folder_chain.py").mkdir()

    listed = data(web.get("/api/chains"))

    assert len([c for c in listed if c["type"] == "odd" and c["error"]]) == 3
    assert any(c["type"] == "http" and not c["error"] for c in listed)


def test_what_is_not_there_is_told_apart(web: Stack) -> None:
    assert "type 'nowhere'" in refused(web.get("/api/chains/nowhere"), 404)["message"]
    assert "http/no_chain" in refused(web.get("/api/chains/http/no_chain"), 404)["message"]
    message = refused(web.get("/api/chains/http/offers_chain/NoTask"), 404)["message"]
    assert "OfferTask, TodayTask, PlainTask" in message
    message = refused(web.post("http/offers_chain/NoTask"), 404)["message"]
    assert "OfferTask, TodayTask, PlainTask" in message


def test_an_import_prints_into_nobodys_output_and_leaves_no_process(web: Stack) -> None:
    web.chain("made/loud_chain", "print('LOUD', flush=True)\n")

    assert chain(web, "made/loud_chain")["error"] is None
    assert "LOUD" not in web.output("web")
