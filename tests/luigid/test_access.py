"""Who may change what luigid knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from luigi.rpc import RPC_METHODS

from datanectar.luigid.access import READING
from datanectar.luigid.access_token import read_token
from datanectar.luigid.launch import command
from datanectar.rpc.wire.connection import LuigidConnection
from tests.servers.stack import Stack

#: Arguments with which a call is one that luigid can answer.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "dep_graph": {"task_id": "x"},
    "inverse_dep_graph": {"task_id": "x"},
    "task_search": {"task_str": "x"},
    **{name: {"task_id": "x"} for name in READING if name.startswith(("get_", "fetch"))},
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    stack = Stack(tmp_path_factory.mktemp("running"))
    try:
        stack.start_luigid()
        yield stack
    finally:
        stack.close()


def ask(stack: Stack, method: str, how: str = "GET", **headers: str) -> requests.Response:
    data = {"data": json.dumps(ARGUMENTS.get(method, {}))}
    url = f"{stack.luigid_url}/api/{method}"
    if how == "GET":
        return requests.get(url, params=data, headers=headers, timeout=30)
    return requests.post(url, data=data, headers=headers, timeout=30)


@pytest.mark.parametrize("how", ["GET", "POST"])
def test_what_changes_something_needs_the_token(running: Stack, how: str) -> None:
    """fault 4.1"""
    refused = {name for name in RPC_METHODS if ask(running, name, how).status_code == 403}

    assert refused == set(RPC_METHODS) - READING
    assert {ask(running, name, how).status_code for name in READING} == {200}
    for wrong in ("Bearer wrong", "Bearer ", "Basic d3Jvbmc=", "Basic !", "wrong", "Bearer \xe9"):
        answer = ask(running, "forgive_failures", how, Authorization=wrong.encode("latin-1"))  # type: ignore[arg-type]
        assert answer.status_code == 403
    token = read_token(running.settings.state)
    assert ask(running, "forgive_failures", how, Authorization=f"Bearer {token}").ok
    assert requests.get(f"{running.luigid_url_with_token}/api/forgive_failures", timeout=30).ok


@pytest.mark.parametrize("path", ["api/add%5Ftask", "api//add_task", "%61pi/add_task", "api/"])
def test_no_spelling_leads_around_the_checks(running: Stack, path: str) -> None:
    answer = requests.get(f"{running.luigid_url}/{path}", timeout=30)

    assert answer.status_code in (403, 404)


@pytest.mark.parametrize("path", ["/api/task_list", "/", "/static/visualiser/index.html"])
def test_only_this_machines_names_and_pages_are_served(running: Stack, path: str) -> None:
    """fault 4.1: a page whose name was made to lead here reads nothing."""
    url = f"{running.luigid_url}{path}"

    def status(**headers: str) -> int:
        return requests.get(url, headers=headers, timeout=30, allow_redirects=False).status_code

    here = f"127.0.0.1:{running.luigid_port}"
    for name in (here, f"localhost:{running.luigid_port}", f"[::1]:{running.luigid_port}"):
        assert status(Host=name) in (200, 302)
    for name in ("evil.example", f"evil.example:{running.luigid_port}", "127.0.0.1.evil.example"):
        assert status(Host=name) == 403
    assert status(Origin=f"http://{here}") in (200, 302)
    for origin in ("http://evil.example", "null", "http://127.0.0.1:5000", "garbage"):
        assert status(Origin=origin) == 403


def test_luigids_page_and_all_that_it_reads_are_there(running: Stack) -> None:
    page = requests.get(f"{running.luigid_url}/static/visualiser/index.html", timeout=30)

    assert page.ok
    assert requests.get(running.luigid_url, timeout=30).url.endswith("visualiser/index.html")


def test_each_luigid_has_a_token_of_its_own(make_stack: Callable[..., Stack]) -> None:
    """fault 4.1: who had its port while it was away knows the one before."""
    stack = make_stack()
    stack.start_luigid()
    state = stack.settings.state
    first = read_token(state)
    fetcher = LuigidConnection(stack.luigid_url, lambda _: None, lambda: read_token(state))
    url, body = f"{stack.luigid_url}/api/forgive_failures", {"data": json.dumps({"task_id": "x"})}
    fetcher.fetch(url, body, 30)
    stack.kill("luigid")
    fetcher.send(url, body, 30)
    stack.start_luigid()

    fetcher.flush(30)  # a run goes on across luigid's restart

    fetcher.close()
    assert read_token(state) not in (None, first)
    assert ask(stack, "forgive_failures", Authorization=f"Bearer {first}").status_code == 403


def test_another_luigid_started_in_vain_keeps_the_first_ones_token_valid(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.start_luigid()
    first = read_token(stack.settings.state)
    stack.spawn("second", command(stack.settings))
    assert stack.processes["second"].wait(60) != 0

    assert stack.luigid.accepts_changes()
    assert ask(stack, "forgive_failures", Authorization=f"Bearer {first}").ok
