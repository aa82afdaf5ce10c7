"""Many calls in one request to our luigid."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from datanectar.luigid.batch_handler import PATH
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    stack = Stack(tmp_path_factory.mktemp("running"))
    try:
        stack.start_luigid()
        yield stack
    finally:
        stack.close()


def post(stack: Stack, calls: Any) -> requests.Response:
    return requests.post(f"{stack.luigid_url_with_token}{PATH}", json=calls, timeout=30)


def test_each_call_is_answered_on_a_line_in_order(running: Stack) -> None:
    add = ["add_task", {"worker": "w", "task_id": "t", "family": "F"}]

    answer = post(running, [add, ["fetch_error", {"task_id": "t"}], ["ping", {"worker": "w"}]])

    assert answer.status_code == 200
    lines = [json.loads(line)["response"] for line in answer.text.splitlines()]
    assert lines[0] is None
    assert lines[1]["taskFamily"] == "F"
    assert lines[2] == {"rpc_messages": []}


def test_a_call_that_fails_is_explained_and_those_before_it_are_done(running: Stack) -> None:
    add = ["add_task", {"worker": "w", "task_id": "before"}]

    answer = post(running, [add, ["add_task", {"task_id": "no worker"}]])

    assert answer.status_code == 500
    assert answer.text.startswith("AssertionError")
    assert "before" in running.luigid.call("dep_graph", task_id="before")


@pytest.mark.parametrize("name", ["prune_all", "load", "__init__", "_state"])
def test_only_luigids_calls_can_be_made(running: Stack, name: str) -> None:
    answer = post(running, [[name, {}]])

    assert answer.status_code == 400
    assert name in answer.text


@pytest.mark.parametrize("calls", [{}, [1], [["ping"]], [["ping", {"worker": "w"}, 1]], "x", None])
def test_what_is_no_list_of_calls_harms_nothing(running: Stack, calls: Any) -> None:
    assert post(running, calls).status_code in (200, 500)
    assert running.luigid.check()


def test_it_needs_the_token(running: Stack) -> None:
    """fault 4.1"""
    url = f"{running.luigid_url}{PATH}"

    assert requests.post(url, json=[["is_paused", {}]], timeout=30).status_code == 403
