"""``up``, ``web`` and ``worker`` as real processes: refused, started, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from datanectar.luigid.launch import CONFIGURATION
from tests.cli.command_line import command
from tests.servers.processes import descendants, free_port, is_running, responds, wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


@pytest.mark.parametrize("name", ["up", "web", "worker"])
def test_a_setting_that_cannot_be_used_is_one_line_and_2(stack: Stack, name: str) -> None:
    done = command(stack, name, DATANECTAR_PORT="five", DATANECTAR_WORKERS="0")

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "DATANECTAR_PORT is 'five'" in line
    assert "DATANECTAR_WORKERS is '0'" in line


def test_a_folder_without_chains_is_one_line_and_2(stack: Stack, tmp_path: Path) -> None:
    done = command(stack, "up", DATANECTAR_PROJECT=str(tmp_path))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"There is no folder {tmp_path}/code/chains" in line


@pytest.mark.parametrize("name", ["up", "web"])
def test_a_port_that_is_taken_is_one_line_and_2(
    make_stack: Callable[..., Stack], name: str
) -> None:
    stack = make_stack()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.port))
        taken.listen()
        began = time.monotonic()

        done = command(stack, name)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Port {stack.port} on 127.0.0.1 can't be had" in line
    assert "DATANECTAR_PORT" in line
    assert time.monotonic() - began < 10


def test_luigids_port_taken_by_another_is_one_line_and_2(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.luigid_port))
        taken.listen()

        done = command(stack, "up")

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Port {stack.luigid_port}" in line
    assert "DATANECTAR_LUIGID_URL" in line


def test_luigid_by_hand_serves_the_worker_and_the_web(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.spawn_datanectar("luigid")
    stack.wait_for_luigid()
    stack.start_web()
    stack.start_worker()

    assert stack.run("basic/plain_chain/GreetTask", name="luigid")["job_status"] == "DONE"
    assert stack.luigid.accepts_changes()
    second = command(stack, "luigid")
    assert second.returncode == 2
    assert f"Port {stack.luigid_port}" in second.stderr
    assert stack.stop("luigid") == 0
    assert (stack.settings.state / "luigid.pickle").exists()


def test_luigid_by_hand_is_refused_off_loopback(stack: Stack) -> None:
    done = command(stack, "luigid", DATANECTAR_LUIGID_URL="http://0.0.0.0:8082")

    assert done.returncode == 2
    assert "on loopback only" in done.stderr


class Up:
    """``datanectar up`` as a process of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.out = stack.project / "up.out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "datanectar", "up"],
                env={**stack.environment, "PYTHONUNBUFFERED": "1"},
                cwd=stack.project,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self) -> Up:
        """Wait for the banner and the worker."""
        wait_for(lambda: "Ctrl-C stops everything" in self.out.read_text(), "the banner is there")
        wait_for(self._has_worker, "the worker is there")
        return self

    def _has_worker(self) -> bool:
        return bool(requests.get(f"{self.stack.url}/readyz", timeout=10).json()["data"]["workers"])

    def pids(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    def pid_of(self, name: str) -> int:
        """Return the pid of a part, or 0."""
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if "".join(process.cmdline()).startswith(f"datanectar: {name}"):
                    return process.pid
        return 0

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def up(make_stack: Callable[..., Stack]) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(**environ: str) -> Up:
        started.append(Up(make_stack(f"project{len(started)}", **environ)))
        return started[-1]

    yield start
    for one in started:
        pids = one.pids()
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
        assert not [pid for pid in pids if is_running(pid)]


def begun_run(up: Up, gate: Path) -> str:
    """Start a run that waits for ``gate``; return its key once it runs."""
    key = str(up.stack.client.post(f"{JOBS}/GatedTask", name="up", gate=str(gate))["key"])
    wait_for(lambda: up.stack.file(key, "log").exists(), "it has begun")
    return key


def test_up_serves_until_ctrl_c_and_leaves_no_process(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    one = up().ready()

    text = one.out.read_text()
    assert f"http://localhost:{one.stack.port}/api/chains\n" in text
    assert one.stack.luigid_url in text
    assert "hello_luigiworld" not in text  # fault 3.22: this project has no such chain
    assert responds(one.stack.luigid_url)
    assert one.stack.run("basic/plain_chain/GreetTask", name="up")["job_status"] == "DONE"
    begun_run(one, tmp_path / "never")
    pids = one.pids()
    assert len(pids) > 6

    assert one.end(signal.SIGINT) == 0

    wait_for(lambda: not any(map(is_running, pids)), "nothing is left", 5)
    assert "Traceback" not in one.out.read_text()
    assert "Stopping; running runs get " in one.out.read_text()


@pytest.mark.parametrize("name", ["what?1", "100%25 #a", "a@b:c&d=%(here)s"])
def test_a_project_may_have_any_name(make_stack: Callable[..., Stack], name: str) -> None:
    """Fault 3.8: all that it makes lies in its folder, and behind a proxy that is none for it."""
    proxy = f"http://127.0.0.1:{free_port()}"
    stack = make_stack(name, http_proxy=proxy, HTTP_PROXY=proxy)
    before = {path.name for path in stack.project.parent.iterdir()}
    stack.start_up()

    done = stack.run("basic/plain_chain/GreetTask", name="odd")
    assert done["job_status"] == "DONE", done
    shown = command(stack, "run", "basic/plain_chain/GreetTask", "name=odd", "--url", stack.url)
    assert shown.returncode == 0, shown.stderr
    state = stack.project / ".datanectar"
    assert {path.name for path in state.iterdir()} >= {"runs.db", "queue.db", "luigid.log"}
    stack.close()
    assert (state / "luigid.pickle").exists()
    assert {path.name for path in stack.project.parent.iterdir()} == before


def test_projects_of_similar_names_share_nothing(make_stack: Callable[..., Stack]) -> None:
    """Faults 3.8 and 3.21: the history of one is not the other's."""
    one, other = make_stack("what?1"), make_stack("what?2")
    one.start()
    other.start()

    one.run("basic/plain_chain/GreetTask", name="one")

    greetings = "/api/runs?task=GreetTask"  # others may have come due by their schedules
    assert len(one.get(greetings).json()["data"]["runs"]) == 1
    assert other.get(greetings).json()["data"]["runs"] == []


def test_ctrl_c_while_it_starts_leaves_no_process(up: Callable[..., Up]) -> None:
    one = up()
    seen: set[int] = set()

    def has_parts() -> bool:
        seen.update(descendants(one.process.pid))
        return len(seen) >= 3

    wait_for(has_parts, "some parts are started")
    one.end(signal.SIGINT)

    wait_for(lambda: not any(map(is_running, seen)), "nothing is left", 10)
    assert "Traceback" not in one.out.read_text()


def test_a_part_that_is_killed_is_started_again_and_with_the_supervisor_all_go(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    one = up().ready()
    web = one.pid_of("web")
    os.kill(web, signal.SIGKILL)
    wait_for(
        lambda: "web ended (exit code -9); starting it again in" in one.out.read_text(), "told"
    )
    wait_for(lambda: one.pid_of("web") not in (0, web), "there is a new one")
    wait_for(lambda: responds(f"{one.stack.url}/healthz"), "it answers")
    begun_run(one, tmp_path / "never")
    pids = one.pids()

    os.kill(one.process.pid, signal.SIGKILL)
    one.process.wait()

    wait_for(lambda: not any(map(is_running, pids)), "nothing is left", 30)


def test_up_uses_a_luigid_that_runs_already_and_leaves_it(
    make_stack: Callable[..., Stack], up: Callable[..., Up]
) -> None:
    stack = make_stack("lender")
    stack.start_plain_luigid(CONFIGURATION)
    one = up(DATANECTAR_LUIGID_URL=stack.luigid_url).ready()

    assert f"luigid runs already at {stack.luigid_url}; using it." in one.out.read_text()
    assert one.stack.run("basic/plain_chain/GreetTask", name="lodger")["job_status"] == "DONE"
    assert one.end(signal.SIGINT) == 0
    assert responds(stack.luigid_url)
