"""Children: fresh, alone, limited, and buried with all that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from datanectar.messages import ChainDescription, DescribeJob
from datanectar.statuses import DONE
from tests.servers.bench import Bench, Ran, lines_of
from tests.servers.processes import descendants, is_running, wait_for

LEAVE = "bad/processes_chain/LeaveTask"


def fork_servers(bench: Bench) -> list[int]:
    """Return the pids of the bench's fork server: of its watchdog, and of itself."""
    client = bench.children._fork_server
    assert client is not None
    assert client.watchdog is not None
    watchdog = client.watchdog.pid
    (fork_server,) = children_of(watchdog)
    return [watchdog, fork_server]


def children_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def leave(
    bench: Bench, evidence: Path, end: str = "wait", task: str = LEAVE
) -> tuple[Ran, list[int]]:
    """Begin a task that starts processes; return it and their pids once they all live."""
    ran = bench.begin(task, name=evidence.name, evidence=str(evidence), end=end)
    wait_for(lambda: "ready" in lines_of(evidence), "the task has started its processes")
    pids = [int(line) for line in lines_of(evidence) if line != "ready"]
    assert len(pids) >= 8
    return ran, pids


def all_gone(pids: list[int]) -> None:
    wait_for(lambda: not [pid for pid in pids if is_running(pid)], f"{pids} are gone", 10)


@pytest.mark.parametrize("end", ["well", "raise", "exit"])
@pytest.mark.parametrize("task", ["LeaveTask", "LeaveApartTask"])
def test_what_a_run_started_is_gone_when_it_has_ended(
    bench: Bench, tmp_path: Path, end: str, task: str
) -> None:
    ran, pids = leave(bench, tmp_path / f"{end}{task}", end, f"bad/processes_chain/{task}")

    bench.finish(ran)

    all_gone([*pids, ran.child.pid])


def test_what_a_run_started_is_gone_when_it_is_killed(bench: Bench, tmp_path: Path) -> None:
    ran, pids = leave(bench, tmp_path / "killed")

    ran.child.kill()

    assert bench.finish(ran).end == "killed by SIGKILL"
    all_gone(pids)


@pytest.mark.parametrize("victim", ["watchdog", "fork server"])
def test_what_runs_started_is_gone_when_the_fork_server_is_killed(
    make_bench: Callable[..., Bench], tmp_path: Path, victim: str
) -> None:
    bench = make_bench().start()
    ran, pids = leave(bench, tmp_path / "one")
    apart, more = leave(bench, tmp_path / "two", task="bad/processes_chain/LeaveApartTask")
    watchdog, fork_server = fork_servers(bench)

    os.kill(watchdog if victim == "watchdog" else fork_server, signal.SIGKILL)

    assert "killed" in str(bench.finish(ran).end) or "lost" in str(ran.end)
    bench.finish(apart)
    all_gone([*pids, *more, watchdog, fork_server])


def test_after_the_fork_server_is_killed_the_next_job_works(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench().start()
    for _ in range(3):
        before = fork_servers(bench)
        os.kill(before[1], signal.SIGKILL)

        assert bench.run("basic/plain_chain/GreetTask", name=str(before)).outcome is not None
        assert not set(fork_servers(bench)) & set(before)


_PARENT = """
import sys, time
from datanectar.child_pool import ChildPool
from datanectar.messages import RunJob
from datanectar.settings import load

children = ChildPool(load(), ahead=1)
children.start()
task, (params, key, spool) = sys.argv[1:4], sys.argv[4:]
job = RunJob(key[-8:], 1, *task, eval(params), "2016-06-03T12:00:00", key, spool)
child = children.take(job)
for _ in child.reports(600):
    pass
time.sleep(600)
"""


@dataclass
class Family:
    """A process with a run of its own, and what there is below it."""

    parent: subprocess.Popen[bytes]
    watchdog: int
    fork_server: int
    evidence: Path

    def left_behind(self) -> list[int]:
        """Return the pids of what the task started, itself the last."""
        return [int(line) for line in lines_of(self.evidence) if line != "ready"]


@pytest.fixture
def family(bench: Bench, tmp_path: Path) -> Iterator[Family]:
    """A parent whose run is in the midst of things."""
    evidence = tmp_path / "evidence"
    params = {"name": str(tmp_path), "evidence": str(evidence), "end": "wait"}
    task = ("bad", "processes_chain", "LeaveApartTask")
    resolution = bench.resolve("/".join(task), **params)
    command = [sys.executable, "-c", _PARENT, *task, repr(resolution.params), resolution.key]
    environ = {**os.environ, **bench.settings.environ()}
    parent = subprocess.Popen([*command, str(tmp_path / "spool")], env=environ)
    try:
        wait_for(lambda: "ready" in lines_of(evidence), "the task has started its processes")
        (watchdog,) = children_of(parent.pid)
        (fork_server,) = children_of(watchdog)
        yield Family(parent, watchdog, fork_server, evidence)
    finally:
        parent.kill()
        parent.wait()
        for line in lines_of(evidence):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(line), signal.SIGKILL)


@pytest.mark.parametrize("victims", ["parent", "parent, watchdog", "parent, fork server"])
def test_what_runs_started_is_gone_when_the_parent_is_killed(family: Family, victims: str) -> None:
    named = {
        "parent": family.parent.pid,
        "watchdog": family.watchdog,
        "fork server": family.fork_server,
    }
    everyone = descendants(family.parent.pid)

    for victim in victims.split(", "):
        os.kill(named[victim], signal.SIGKILL)

    family.parent.wait()
    all_gone([*family.left_behind(), *everyone])


def test_a_run_ends_though_all_who_could_end_it_are_killed_at_one_stroke(family: Family) -> None:
    task = family.left_behind()[-1]
    (child,) = [p for p in children_of(family.fork_server) if task in descendants(p)]
    stroke = (family.watchdog, family.fork_server, family.parent.pid)

    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in stroke:
            os.kill(pid, number)

    family.parent.wait()
    all_gone([child, task])  # by the kernel; what the task started has nobody left to end it


def test_one_runs_end_leaves_the_daemons_of_another_alone(bench: Bench, tmp_path: Path) -> None:
    evidence, go = tmp_path / "evidence", tmp_path / "go"
    task = "bad/processes_chain/HelperTask"
    ran = bench.begin(task, name="x", evidence=str(evidence), go=str(go))
    wait_for(lambda: lines_of(evidence), "the helper lives")

    bench.run("basic/plain_chain/GreetTask", name="another")
    bench.run("basic/plain_chain/GreetTask", name="and another")
    go.touch()

    outcome = bench.finish(ran).outcome
    assert outcome is not None and outcome.status == DONE, outcome
    all_gone([int(lines_of(evidence)[0])])


def test_ends_that_come_at_the_same_time_are_all_told(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench().start()
    several = [bench.children.reserve() for _ in range(6)]
    _, fork_server = fork_servers(bench)
    os.kill(fork_server, signal.SIGSTOP)
    for child in several:
        os.kill(child.pid, signal.SIGKILL)
    os.kill(fork_server, signal.SIGCONT)

    assert [child.wait_end(10) for child in several] == ["killed by SIGKILL"] * 6
    for child in several:
        child.close()


def test_a_child_that_died_waiting_is_not_given_out(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench().start()
    wait_for(lambda: bench.children._idle, "a child waits")
    waiting = bench.children._idle[0]
    _, fork_server = fork_servers(bench)
    os.kill(fork_server, signal.SIGSTOP)  # so that there is no news of the death yet
    os.kill(waiting.pid, signal.SIGKILL)
    wait_for(lambda: not waiting.is_listening, "the child is gone")
    os.kill(fork_server, signal.SIGCONT)

    child = bench.children.reserve()

    assert child is not waiting
    child.send(DescribeJob("basic", "plain_chain"))
    assert any(isinstance(answer, ChainDescription) for answer in child.reports(30))
    child.close()
