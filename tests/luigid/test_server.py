"""luigid as ``datanectar up`` starts it: who may change what it knows, and what it believes itself."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from luigi.rpc import RPC_METHODS

from datanectar.errors import SchedulerError
from datanectar.luigid.client import (
    Luigid,
    NotLuigid,
    address,
    command,
    full_url,
    make_token,
    read_token,
    token_for,
)
from datanectar.luigid.server import READING
from datanectar.rpc.connection import LuigidConnection
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

#: Arguments with which a call is one that luigid can answer.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "dep_graph": {"task_id": "x"},
    "inverse_dep_graph": {"task_id": "x"},
    "task_search": {"task_str": "x"},
    **{name: {"task_id": "x"} for name in READING if name.startswith(("get_", "fetch"))},
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    stack = Stack(tmp_path_factory.mktemp("guarded"))
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
def test_what_changes_something_needs_the_token(guarded: Stack, how: str) -> None:
    """fault 4.1"""
    refused = {name for name in RPC_METHODS if ask(guarded, name, how).status_code == 403}

    assert refused == set(RPC_METHODS) - READING
    assert {ask(guarded, name, how).status_code for name in READING} == {200}
    for wrong in ("Bearer wrong", "Bearer ", "Basic d3Jvbmc=", "Basic !", "wrong", "Bearer \xe9"):
        answer = ask(guarded, "forgive_failures", how, Authorization=wrong.encode("latin-1"))  # type: ignore[arg-type]
        assert answer.status_code == 403
    token = read_token(guarded.settings.state)
    assert ask(guarded, "forgive_failures", how, Authorization=f"Bearer {token}").ok
    assert requests.get(f"{guarded.luigid_url_with_token}/api/forgive_failures", timeout=30).ok


@pytest.mark.parametrize("path", ["api/add%5Ftask", "api//add_task", "%61pi/add_task", "api/"])
def test_no_spelling_leads_around_the_guard(guarded: Stack, path: str) -> None:
    answer = requests.get(f"{guarded.luigid_url}/{path}", timeout=30)

    assert answer.status_code in (403, 404)


@pytest.mark.parametrize("path", ["/api/task_list", "/", "/static/visualiser/index.html"])
def test_only_this_machines_names_and_pages_are_served(guarded: Stack, path: str) -> None:
    """fault 4.1: a page whose name was made to lead here reads nothing."""
    url = f"{guarded.luigid_url}{path}"

    def status(**headers: str) -> int:
        return requests.get(url, headers=headers, timeout=30, allow_redirects=False).status_code

    here = f"127.0.0.1:{guarded.luigid_port}"
    for name in (here, f"localhost:{guarded.luigid_port}", f"[::1]:{guarded.luigid_port}"):
        assert status(Host=name) in (200, 302)
    for name in ("evil.example", f"evil.example:{guarded.luigid_port}", "127.0.0.1.evil.example"):
        assert status(Host=name) == 403
    assert status(Origin=f"http://{here}") in (200, 302)
    for origin in ("http://evil.example", "null", "http://127.0.0.1:5000", "garbage"):
        assert status(Origin=origin) == 403


def test_luigids_page_and_all_that_it_reads_are_there(guarded: Stack) -> None:
    page = requests.get(f"{guarded.luigid_url}/static/visualiser/index.html", timeout=30)

    assert page.ok
    assert requests.get(guarded.luigid_url, timeout=30).url.endswith("visualiser/index.html")


def test_what_luigid_can_not_do_is_said(guarded: Stack) -> None:
    guarded.luigid.call("add_worker", worker="w", info={})
    answer = requests.get(f"{guarded.luigid_url_with_token}/api/add_task", timeout=30)

    assert answer.status_code == 500
    assert answer.text.startswith("AssertionError")


def test_the_token_is_this_users_alone_and_in_no_command(guarded: Stack) -> None:
    file = guarded.settings.state / "luigid.token"
    token = file.read_text()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 32
    assert token not in " ".join(command(guarded.settings))
    pid = guarded.processes["luigid"].pid
    if Path("/proc").is_dir():
        assert token not in Path(f"/proc/{pid}/environ").read_text()
        assert token not in Path(f"/proc/{pid}/cmdline").read_text()


def test_the_documented_command_makes_folder_and_token(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    state = stack.settings.state
    assert not state.exists()
    where = ["--address", "127.0.0.1", "--port", str(stack.luigid_port), "--state", str(state)]

    stack.spawn("luigid", [sys.executable, "-m", "datanectar.luigid.server", *where])

    wait_for(stack.luigid.look, "luigid answers")
    assert stack.luigid.takes_our_word()
    assert not Luigid(stack.luigid_url).takes_our_word()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


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


def test_another_luigid_started_in_vain_leaves_the_first_one_its_friends(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.start_luigid()
    first = read_token(stack.settings.state)
    stack.spawn("second", command(stack.settings))
    assert stack.processes["second"].wait(60) != 0

    assert stack.luigid.takes_our_word()
    assert ask(stack, "forgive_failures", Authorization=f"Bearer {first}").ok


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"response": []}',
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/7.0 200 OK\r\n\r\n",
    ],
)
def test_who_is_not_luigid_counts_as_luigid_away(answer: bytes) -> None:
    """fault 3.9: a run whose books can't be closed there has ended all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_all, args=(server, answer), daemon=True).start()
        luigid = Luigid(f"http://127.0.0.1:{server.getsockname()[1]}")

        with pytest.raises(NotLuigid):
            luigid.end_worker("w", "a test")
        with pytest.raises(SchedulerError, match="is not luigid"):
            luigid.look()


def answer_all(server: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)


def test_a_token_that_others_can_read_is_made_anew(tmp_path: Path) -> None:
    make_token(tmp_path)
    first = read_token(tmp_path)
    (tmp_path / "luigid.token").chmod(0o644)
    assert read_token(tmp_path) is None
    make_token(tmp_path)
    assert read_token(tmp_path) not in (None, first)
    (tmp_path / "luigid.token").unlink()
    (tmp_path / "luigid.token").symlink_to(tmp_path / "elsewhere")
    make_token(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_token_is_shown_to_this_machine_alone(tmp_path: Path) -> None:
    make_token(tmp_path)

    for url in ("http://127.0.0.1:8082", "http://localhost", "http://[::1]:1"):
        assert token_for(url, tmp_path) == read_token(tmp_path)
    for url in ("http://scheduler:8082", "http://10.0.0.1:8082", "http://127.0.0.1.example"):
        assert token_for(url, tmp_path) is None


def test_luigids_port_is_8082_wherever_it_is_left_out() -> None:
    """fault 3.22"""
    assert address("http://localhost") == ("localhost", 8082)
    assert full_url("http://localhost/") == "http://localhost:8082"
    assert full_url("http://[::1]/luigi/") == "http://[::1]:8082/luigi"
    assert (
        Luigid("http://localhost")
        .graph_url("f", "x_chain", "T_1")
        .startswith(
            "http://localhost:8082/static/visualiser/index.html#tab=graph&taskId=f.x_chain.T_1"
        )
    )


# --- the saved state -------------------------------------------------------------------------


class Evil:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._trace),)


def broken_states(trace: Path) -> dict[str, bytes]:
    return {
        "garbage": b"garbage",
        "empty": b"",
        "cut off": pickle.dumps(({}, {}, {}))[:-4],
        "number": pickle.dumps(5),
        "pair": pickle.dumps((1, 2)),
        "texts": pickle.dumps(({"a": "b"}, {}, {})),
        "workers": pickle.dumps(({}, {"a": "b"}, {})),
        "batchers": pickle.dumps(({}, {}, 5)),
    }


@pytest.mark.parametrize("kind", broken_states(Path()))
def test_a_broken_state_keeps_nothing_from_starting(
    make_stack: Callable[..., Stack], tmp_path: Path, kind: str
) -> None:
    """fault 4.8"""
    stack = make_stack()
    file = stack.settings.state / "luigid.pickle"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(broken_states(tmp_path)[kind])
    file.chmod(0o600)

    stack.start_luigid()

    assert stack.luigid.call("task_list") == {}
    assert not file.exists()
    assert "luigid.pickle can't be read" in stack.output("luigid")


@pytest.mark.parametrize("kind", ["writable", "another's", "link", "folder", "fifo"])
def test_a_state_that_another_user_may_have_written_is_not_read(
    make_stack: Callable[..., Stack], tmp_path: Path, kind: str
) -> None:
    """fault 4.8"""
    stack, trace = make_stack(), tmp_path / "trace"
    file = stack.settings.state / "luigid.pickle"
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file, 0o600)
    else:
        place = tmp_path / "target" if kind == "link" else file
        place.write_bytes(pickle.dumps(Evil(trace)))
        place.chmod(0o660 if kind == "writable" else 0o600)
        if kind == "link":
            file.symlink_to(place)
        if kind == "another's":
            if os.geteuid() != 0:
                pytest.skip("only root gives files away")
            os.chown(file, 12345, -1)

    stack.start_luigid()

    assert not trace.exists()
    assert kind == "folder" or not file.exists()
    assert "luigid.pickle can't be read" in stack.output("luigid")


def test_what_luigid_saves_is_this_users_alone(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.start_luigid()
    stack.luigid.call("add_task", worker="w", task_id="t", status="DONE")
    stack.stop("luigid")

    assert stat.S_IMODE((stack.settings.state / "luigid.pickle").stat().st_mode) == 0o600
    stack.start_luigid()
    assert list(stack.luigid.call("task_list", status="DONE")) == ["t"]


# --- resources -------------------------------------------------------------------------------


def total(stack: Stack) -> dict[str, int]:
    return {each["name"]: each["num_total"] for each in stack.luigid.call("resource_list")}


@pytest.mark.slow
def test_resources_follow_the_projects_file(
    make_stack: Callable[..., Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fault 1.6"""
    stack, own = make_stack(), tmp_path / "own.cfg"
    monkeypatch.setenv("LUIGI_CONFIG_PATH", str(own))
    file = stack.settings.code / "luigi.cfg"
    file.write_text("[resources]\ncard = 2\n")
    stack.start_luigid()
    assert total(stack) == {"card": 2}

    file.write_text("[resources]\ncard = three\n")
    wait_for(
        lambda: total(stack) and "[resources] can't be read" in stack.output("luigid"),
        "the typo is told",
    )
    assert total(stack) == {"card": 2}
    file.write_text("[resources]\ncard = 4\n[Other]\nx = %(nothing\n")
    wait_for(lambda: total(stack) == {"card": 4}, "the edit counts")
    own.write_text("[resources]\ncard = 5\ndisk = 1\n")
    wait_for(lambda: total(stack) == {"card": 5, "disk": 1}, "the file of LUIGI_CONFIG_PATH counts")
    file.unlink()
    own.unlink()
    wait_for(lambda: total(stack) == {}, "nothing is left")
