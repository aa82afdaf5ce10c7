"""Children: fresh, alone, limited, and buried with all that they started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from datanectar.errors import ChainError, StartupError
from datanectar.forkserver.pool import Pool
from datanectar.messages import ChainDescription, DescribeJob
from datanectar.statuses import DONE
from tests.servers.bench import Bench, Ran, lines_of
from tests.servers.processes import descendants, is_running, wait_for

LEAVE = "bad/processes_chain/LeaveTask"


def fork_servers(bench: Bench) -> list[int]:
    """Return the pids of the bench's fork server: of its guard, and of itself."""
    client = bench.children._fork_server
    assert client is not None
    guard = client._process.guard
    (fork_server,) = children_of(guard)
    return [guard, fork_server]


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


@pytest.mark.parametrize("victim", ["guard", "fork server"])
def test_what_runs_started_is_gone_when_the_fork_server_is_killed(
    make_bench: Callable[..., Bench], tmp_path: Path, victim: str
) -> None:
    bench = make_bench().start()
    ran, pids = leave(bench, tmp_path / "one")
    apart, more = leave(bench, tmp_path / "two", task="bad/processes_chain/LeaveApartTask")
    guard, fork_server = fork_servers(bench)

    os.kill(guard if victim == "guard" else fork_server, signal.SIGKILL)

    assert "killed" in str(bench.finish(ran).end) or "lost" in str(ran.end)
    bench.finish(apart)
    all_gone([*pids, *more, guard, fork_server])


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
from datanectar.forkserver.pool import Pool
from datanectar.runs.records import RunJob
from datanectar.settings import load

children = Pool(load(), ahead=1)
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
    guard: int
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
        (guard,) = children_of(parent.pid)
        (fork_server,) = children_of(guard)
        yield Family(parent, guard, fork_server, evidence)
    finally:
        parent.kill()
        parent.wait()
        for line in lines_of(evidence):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(line), signal.SIGKILL)


@pytest.mark.parametrize("victims", ["parent", "parent guard", "parent fork server"])
def test_what_runs_started_is_gone_when_the_parent_is_killed(family: Family, victims: str) -> None:
    named = {"parent": family.parent.pid, "guard": family.guard, "fork server": family.fork_server}
    everyone = descendants(family.parent.pid)

    for victim in victims.split():
        os.kill(named[victim], signal.SIGKILL)

    family.parent.wait()
    all_gone([*family.left_behind(), *everyone])


def test_a_run_ends_though_all_who_could_end_it_are_killed_at_one_stroke(family: Family) -> None:
    task = family.left_behind()[-1]
    (child,) = [p for p in children_of(family.fork_server) if task in descendants(p)]
    stroke = (family.guard, family.fork_server, family.parent.pid)

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
    wait_for(lambda: bench.children._ready, "a child waits")
    waiting = bench.children._ready[0]
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


# --- what a child is -----------------------------------------------------------------------


def who(bench: Bench, name: str) -> dict[str, Any]:
    ran = bench.run("bad/processes_chain/WhoTask", name=name)
    facts: dict[str, Any] = json.loads(bench.file(ran.key).read_text())
    return facts


def test_an_authors_code_runs_in_a_process_of_its_own_below_the_fork_server(bench: Bench) -> None:
    facts = who(bench, "process")

    assert facts["parent"] == fork_servers(bench)[1]
    assert facts["pid"] == facts["session"]
    assert not any(name.startswith("chains") for name in sys.modules)


def test_a_child_imports_nothing_but_the_chain(bench: Bench) -> None:
    modules = set(who(bench, "modules")["modules"])
    chains = {name for name in modules if name.startswith("chains")}

    assert chains == {"chains", "chains.bad", "chains.bad.processes_chain"}
    heavy = {"flask", "werkzeug", "huey", "sqlalchemy", "gunicorn", "alembic", "boto3", "botocore"}
    heavy |= {"pytest", "_pytest", "datanectar.web.app", "datanectar.cli.main", "psutil"}
    assert modules & heavy == set()
    assert not {name for name in modules if name.startswith("tests")}


def test_a_child_has_the_signals_of_a_fresh_python(bench: Bench) -> None:
    facts = who(bench, "signals")

    assert "default_int_handler" in facts["signals"]["SIGINT"]
    defaults = ("SIGTERM", "SIGCHLD", "SIGHUP", "SIGALRM")
    assert {facts["signals"][name] for name in defaults} == {repr(signal.SIG_DFL)}
    assert facts["blocked"] == []


def test_a_child_works_in_the_source_root(bench: Bench) -> None:
    facts = who(bench, "folder")

    assert facts["folder"] == str(bench.settings.code)
    assert str(bench.settings.code) in facts["path"]


def test_a_child_holds_no_descriptor_of_another_run(bench: Bench, tmp_path: Path) -> None:
    alone = who(bench, "alone")["descriptors"]
    ran, _ = leave(bench, tmp_path / "beside")
    try:
        assert len(who(bench, "accompanied")["descriptors"]) == len(alone)
    finally:
        ran.child.kill()
        bench.finish(ran)


# --- jobs ----------------------------------------------------------------------------------


def describe(children: Pool, name: str, timeout: float = 30) -> ChainDescription:
    chain: ChainDescription = children.ask(
        DescribeJob("made", name), timeout=timeout, subject=f"made/{name}"
    )
    return chain


def test_an_edited_chain_is_imported_fresh(bench: Bench) -> None:
    for text in ("first", "second"):
        bench.stack.chain("made/edited_chain", f'"""{text}"""')

        assert describe(bench.children, "edited_chain").doc == text


def test_a_chain_that_hangs_at_import_costs_its_own_child(bench: Bench) -> None:
    bench.stack.chain("made/hang_chain", "import time\ntime.sleep(600)\n")
    before = set(descendants(os.getpid()))

    with pytest.raises(ChainError, match=r"made/hang_chain: .* longer than 0.5 s"):
        describe(bench.children, "hang_chain", timeout=0.5)

    wait_for(lambda: len(set(descendants(os.getpid())) - before) <= 1, "its child is gone", 10)


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
        ("os.abort()", "killed by SIGABRT"),
    ],
)
def test_a_chain_that_ends_the_process_is_told_how(bench: Bench, code: str, end: str) -> None:
    bench.stack.chain("made/end_chain", f"import os\n{code}\n")

    with pytest.raises(ChainError, match=f"made/end_chain: .*{end}"):
        describe(bench.children, "end_chain")


def test_what_a_task_writes_into_every_pipe_harms_nobody(bench: Bench) -> None:
    ran = bench.run("bad/processes_chain/JunkReportTask", name="x")

    assert ran.outcome is not None and ran.outcome.status == DONE
    assert bench.file(ran.key).read_text() == "junk sent\n"


def test_a_task_that_fills_the_pipe_for_ever_costs_no_memory(bench: Bench) -> None:
    bench.stack.chain(
        "made/flood_chain",
        "import os, stat\n"
        "for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "    try:\n"
        "        while stat.S_ISFIFO(os.fstat(fd).st_mode): os.write(fd, b'x' * 65536)\n"
        "    except OSError:\n"
        "        pass\n",
    )
    before = psutil.Process().memory_info().rss

    with pytest.raises(ChainError, match="longer than 3 s"):
        describe(bench.children, "flood_chain", timeout=3)

    assert psutil.Process().memory_info().rss - before < 100e6


def test_a_preload_that_cant_be_imported_stops_the_start_and_is_named(
    make_bench: Callable[..., Bench], capfd: pytest.CaptureFixture[str]
) -> None:
    bench = make_bench(DATANECTAR_PRELOAD="json no_such_module_anywhere")

    with pytest.raises(StartupError, match="DATANECTAR_PRELOAD"):
        bench.children.start()

    assert "no_such_module_anywhere" in capfd.readouterr().err


def test_a_preload_is_there_before_the_chain_is(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(DATANECTAR_PRELOAD="wave").start()
    bench.stack.chain("made/early_chain", 'import sys\n__doc__ = str("wave" in sys.modules)\n')

    assert describe(bench.children, "early_chain").doc == "True"


def test_hundreds_of_jobs_leak_no_descriptor_and_no_process(bench: Bench) -> None:
    bench.stack.chain("made/many_chain", "")
    for _ in range(5):
        describe(bench.children, "many_chain")
    wait_for(lambda: bench.children._ready, "a child waits")
    descriptors = len(os.listdir("/proc/self/fd"))
    processes = len(descendants(os.getpid()))

    for _ in range(200):
        describe(bench.children, "many_chain")

    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "no descriptor is left", 5)
    wait_for(lambda: len(descendants(os.getpid())) <= processes, "no process is left", 5)


def test_jobs_from_many_threads_are_each_answered_with_their_own(bench: Bench) -> None:
    for n in range(8):
        bench.stack.chain(f"made/thread{n}_chain", f'"""{n}"""')

    with ThreadPoolExecutor(8) as threads:
        names = [f"thread{n % 8}_chain" for n in range(64)]
        docs = list(threads.map(lambda name: describe(bench.children, name).doc, names))

    assert docs == [str(n % 8) for n in range(64)]
