"""The service's log as JSON: each line can be read, and names what it belongs to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.answers import data
from tests.servers.processes import wait_for
from tests.servers.stack import Stack
from tests.telemetry.conftest import Watched

PARTS = ("web", "worker", "luigid")


def lines(stack: Stack, part: str, /, **about: object) -> list[dict[str, Any]]:
    """Return the lines of a process with these fields; whatever is no JSON fails the test."""
    read = [json.loads(line) for line in stack.output(part).splitlines()]
    return [line for line in read if about.items() <= line.items()]


def logged(stack: Stack, part: str, /, **about: object) -> dict[str, Any]:
    """Return the one line of a process with these fields, once it is there."""
    wait_for(lambda: lines(stack, part, **about), f"{part} logs {about}")
    (line,) = lines(stack, part, **about)
    return line


def test_a_run_is_followed_from_the_request_to_its_tasks(watched: Watched) -> None:
    stack = watched.stack
    answer = stack.post(
        "watch/watched_chain/LeafTask?word=logged", headers={"X-Request-Id": "me-1"}
    )
    run_id = data(answer)["run_id"]
    assert answer.headers["X-Request-Id"] == "me-1"
    stack.ended(data(answer)["key"])

    request = logged(stack, "web", request_id="me-1")
    assert (request["run_id"], request["status"], request["process"]) == (run_id, 200, "web")
    assert request["path"] == "/api/chains/watch/watched_chain/LeafTask"
    assert request["route"] == "/api/chains/<type>/<chain>/<task_name:task>"

    logged(stack, "worker", run_id=run_id, run_status="DONE")
    own = lines(stack, "worker", run_id=run_id)
    assert all({"time", "level", "logger", "host", "pid", "attempt"} <= line.keys() for line in own)
    tasks = [line["task_status"] for line in own if "task_status" in line]
    assert tasks == ["RUNNING", "DONE"]
    assert {line["task"] for line in own if "task_status" in line} == {
        "watch/watched_chain/LeafTask"
    }

    (warning,) = [line for line in own if line["logger"] == "datanectar.tests"]
    assert (warning["process"], warning["message"]) == ("child", "a warning of the library")
    assert (warning["attempt"], warning["task"].endswith("LeafTask")) == (1, True)
    assert "what the task prints" not in stack.output("worker")


def test_a_failure_has_its_traceback_in_a_line_of_its_run(watched: Watched) -> None:
    stack = watched.stack
    body = data(stack.post("watch/watched_chain/BrokenTask?word=broken"))
    assert stack.ended(body["key"])["job_status"] == "FAILED"

    ended = logged(stack, "worker", run_id=body["run_id"], run_status="FAILED")
    assert "this is broken" in ended["error"]
    of_child = lines(stack, "worker", run_id=body["run_id"], process="child", level="ERROR")
    assert any("ValueError: this is broken" in line.get("exc_info", "") for line in of_child)


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [("0-9:A/z", True), ("a" * 129, False), ("two words", False), ("<script>", False), ("", False)],
)
def test_only_a_sane_request_id_is_taken(watched: Watched, sent: str, is_kept: bool) -> None:
    answer = watched.stack.get("/api/runs/none", headers={"X-Request-Id": sent})
    assert answer.status_code == 404
    own = answer.headers["X-Request-Id"]
    assert (own == sent) is is_kept and len(own) >= 7
    line = logged(watched.stack, "web", request_id=own)
    assert line["status"] == 404


def test_what_is_asked_all_the_time_is_logged_when_it_fails_alone(watched: Watched) -> None:
    assert watched.stack.get("/healthz").headers["X-Request-Id"]
    assert not lines(watched.stack, "web", path="/healthz")
    watched.stack.get("/static/none.css")
    logged(watched.stack, "web", path="/static/none.css", status=404)


def test_every_process_writes_nothing_but_json(watched: Watched) -> None:
    for process in PARTS:
        for line in lines(watched.stack, process):
            assert line["process"] in (process, "child")
    assert lines(watched.stack, "luigid")
