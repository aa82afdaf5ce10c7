"""A fork server on its own: nothing of datanectar's jobs, only processes that echo."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from datanectar.forkserver.client import NoChild, StartFailed
from datanectar.forkserver.handle import LOST, Handle
from datanectar.forkserver.launch import Spec
from datanectar.forkserver.pool import Pool
from tests.servers.processes import is_running, wait_for

LIMIT = 30.0
ROOT = str(Path(__file__).parents[2])
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux shows titles and pages")

SPEC = Spec(
    target="tests.forkserver.echo_target:main",
    encode=lambda job: json.dumps(job).encode() + b"\n",
    decode=json.loads,
    preload=("wave",),
    warmup="tests.forkserver.echo_warmup",
    title="echo",
    environ={**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, f"{ROOT}/code"])},
)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(SPEC, ahead=1)
    pool.start()
    yield pool
    pool.close()


def result(child: Handle) -> Any:
    """Return a child's next report."""
    while True:
        for report in child.reports(LIMIT):
            return report


def do(pool: Pool, **job: Any) -> Any:
    """Have a new child do a job; return the result."""
    child = pool.take(job)
    try:
        return result(child)
    finally:
        child.close()


def test_a_child_does_one_job_after_the_other_and_ends_with_its_targets_code(pool: Pool) -> None:
    child = pool.take({"do": "echo", "n": 1})
    assert result(child) == {"do": "echo", "n": 1}
    child.send({"do": "echo", "n": 2})
    assert result(child) == {"do": "echo", "n": 2}

    jobs, reports = child._jobs, child._reports
    os.close(jobs)
    child._jobs = -1

    assert child.wait_end(LIMIT) == "exit code 3"
    assert reports == child._reports
    child.close()


def test_each_job_has_a_process_of_its_own(pool: Pool) -> None:
    assert len({do(pool, do="pid") for _ in range(5)}) == 5


def test_a_child_has_what_was_preloaded_and_nothing_of_the_parents_side(pool: Pool) -> None:
    modules = set(do(pool, do="modules"))

    assert {"wave", "tests.forkserver.echo_target"} <= modules
    assert not modules & {"psutil", "pytest", "datanectar.forkserver.pool"}
    own = {name for name in modules if name.startswith("datanectar.")}
    assert all(name.startswith("datanectar.forkserver") for name in own)


def test_how_a_child_ended_is_reported(pool: Pool) -> None:
    child = pool.take({"do": "die"})

    assert child.wait_end(LIMIT) == "killed by SIGKILL"
    assert child.was_killed and not child.is_lost
    child.close()


def test_what_a_child_started_ends_with_it(pool: Pool) -> None:
    child = pool.take({"do": "leave"})
    left = result(child)
    assert all(map(is_running, left))

    child.close()

    wait_for(lambda: not any(map(is_running, left)), "what it started is gone")


def test_a_child_of_a_killed_fork_server_is_lost_and_the_next_job_is_done() -> None:
    pool = Pool(SPEC, ahead=1)
    pool.start()
    try:
        child = pool.take({"do": "leave"})
        left = result(child)
        fork_server = psutil.Process(child.pid).parent()
        assert fork_server is not None

        fork_server.kill()

        assert child.wait_end(LIMIT) == LOST
        assert child.is_lost
        child.close()
        wait_for(lambda: not any(map(is_running, left)), "what it started is gone")
        assert do(pool, do="echo") == {"do": "echo"}
    finally:
        pool.close()


def test_an_isolated_child_has_a_fork_server_of_its_own(pool: Pool) -> None:
    with pool.isolated() as child:
        child.send({"do": "pid"})
        assert result(child) == child.pid
        other = pool.reserve()
        assert psutil.Process(child.pid).ppid() != psutil.Process(other.pid).ppid()
        other.close()
        fork_server = psutil.Process(child.pid).ppid()

    wait_for(lambda: not is_running(fork_server), "its fork server is gone")


def test_a_closed_pool_has_no_children_and_gives_none() -> None:
    pool = Pool(SPEC, ahead=2)
    pool.start()
    child = pool.take({"do": "pid"})
    family = [p.pid for p in psutil.Process().children(recursive=True)]

    pool.close()

    assert child.has_ended
    child.close()
    with pytest.raises(NoChild):
        pool.reserve()
    wait_for(lambda: not is_running(child.pid), "it is gone")
    assert child.pid in family


@pytest.mark.parametrize("module", ["no_such_module", "tests.forkserver.exits"])
def test_a_preload_that_can_not_be_imported_is_named(
    module: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StartFailed):
        Pool(replace(SPEC, preload=(module,)), ahead=0).start()

    assert f"{module} can't be imported" in capfd.readouterr().err


def test_a_warm_up_that_fails_costs_no_child(capfd: pytest.CaptureFixture[str]) -> None:
    pool = Pool(replace(SPEC, warmup="wave"), ahead=0)
    pool.start()
    try:
        assert do(pool, do="echo") == {"do": "echo"}
    finally:
        pool.close()

    assert "the warm-up failed" in capfd.readouterr().err


@linux
def test_titles_say_what_each_process_is(pool: Pool) -> None:
    child = pool.take({"do": "title"})
    fork_server = psutil.Process(child.pid).parent()
    assert fork_server is not None
    watchdog = fork_server.parent()
    assert watchdog is not None

    assert result(child) == "echo: child (idle)"
    assert fork_server.cmdline()[0] == "echo: fork server"
    assert watchdog.cmdline()[0] == "echo: fork server watchdog"
    assert fork_server.environ()["PYTHONPATH"].startswith(ROOT)
    child.close()


@linux
def test_a_child_that_is_ready_for_its_role_copies_no_page_as_it_works(pool: Pool) -> None:
    plain = do(pool, do="write")
    ready = do(pool, do="write", role="writer")

    assert plain >= 1900
    if _kernel() >= (5, 14):
        assert ready < plain / 10


def _kernel() -> tuple[int, ...]:
    return tuple(map(int, os.uname().release.split(".")[:2]))


@linux
def test_a_shared_fork_server_ends_when_nobody_can_join_it_any_more() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = SPEC.command(theirs.fileno(), shared=True)
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=SPEC.environ)
    with ours:
        pools = [Pool(SPEC, ahead=0, listener=ours.fileno()) for _ in range(2)]
        for pool in pools:
            pool.start()
        child = pools[0].take({"do": "pid"})
        assert result(child) == child.pid
        pools[0].hand_over(child, "name")
        same = pools[1].pick_up("name")
        assert same is not None and same.pid == child.pid
        same.send({"do": "echo"})
        assert result(same) == {"do": "echo"}
        same.close()
        for pool in pools:
            pool.close()
        assert process.poll() is None
    assert process.wait(LIMIT) == 0


def test_sigterm_ends_a_fork_server_and_all_below_it(pool: Pool) -> None:
    pool = Pool(SPEC, ahead=0)
    pool.start()
    child = pool.take({"do": "leave"})
    left = result(child)
    client = pool._fork_server
    assert client is not None and client.watchdog is not None

    client.watchdog.terminate()

    wait_for(lambda: not any(map(is_running, left)), "what it started is gone")
    assert child.wait_end(LIMIT)
    child.close()
    pool.close()
