"""An author's code stays in children: never in the web or the worker, and gone with them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from tests.servers.bench import lines_of
from tests.servers.processes import is_running, wait_for
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

#: Notes in which process it is imported, and below which.
TRACE = '''
import os
from pathlib import Path

import psutil

from datanectar import NectarTask

_line = " ".join(map(str, [os.getpid(), *(p.pid for p in psutil.Process().parents())]))
with (Path(__file__).parent / "imports").open("a") as _lines:
    _lines.write(f"{{_line}}\\n")


class TraceTask(NectarTask):
    """{name}"""

    def run(self):
        self.output().open("w").close()
'''


def test_no_chain_is_imported_in_the_web_or_the_worker(stack: Stack) -> None:
    stack.chain("trace/trace_chain", TRACE.format(name="first"))
    folder = stack.project / "code" / "chains" / "trace"

    assert requests.get(f"{stack.url}/api/chains/trace", timeout=30).status_code == 200
    assert stack.post("trace/TraceTask").status_code == 200
    assert stack.run("trace/trace_chain/TraceTask")["job_status"] == "DONE"
    stack.chain("trace/trace_chain", TRACE.format(name="second"))
    assert "second" in requests.get(f"{stack.url}/api/chains/trace", timeout=30).text

    lines = [list(map(int, line.split())) for line in lines_of(folder / "imports")]
    importers = {line[0] for line in lines}
    assert len(importers) == len(lines) >= 3  # a process of its own each time
    for part in ("web", "worker"):
        pid = stack.processes[part].pid
        own = {pid} | {child.pid for child in psutil.Process(pid).children()}
        assert not importers & own
        assert any(pid in line for line in lines)  # but below it


def leave(stack: Stack, evidence: Path) -> list[int]:
    """Have a run start processes of all kinds; return their pids once they live."""
    path = f"bad/processes_chain/LeaveApartTask?name={evidence.name}&evidence={evidence}&end=wait"
    assert stack.post(path).status_code == 200
    wait_for(lambda: "ready" in lines_of(evidence), "the task has started its processes")
    return [int(line) for line in lines_of(evidence) if line != "ready"]


def gone(pids: list[int]) -> bool:
    return not any(map(is_running, pids))


def test_a_killed_worker_leaves_nothing_that_its_runs_started(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    stack = make_stack(DATANECTAR_MAX_ATTEMPTS="1").start()
    pids = leave(stack, tmp_path / "killed")

    stack.kill("worker")

    wait_for(lambda: gone(pids), "the run's processes are gone", 10)


def test_a_cancelled_run_leaves_nothing_that_it_started(stack: Stack, tmp_path: Path) -> None:
    pids = leave(stack, tmp_path / "cancelled")
    (run,) = stack.get("/api/runs?status=RUNNING").json()["data"]["runs"]

    requests.delete(f"{stack.url}/api/runs/{run['id']}", timeout=30)

    wait_for(lambda: gone(pids), "the run's processes are gone", 10)
    assert stack.ended(run["key"])["job_status"] == "CANCELLED"
    log = stack.file(run["key"], "log").read_text()
    assert log.rstrip().endswith("cancelled")


def test_a_worker_told_to_stop_leaves_nothing_behind(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    stack = make_stack(DATANECTAR_GRACE="0.2").start()
    pids = leave(stack, tmp_path / "stopped")

    assert stack.stop("worker", signal.SIGTERM) == 0

    assert wait_for(lambda: gone(pids), "the run's processes are gone", 10)


def test_a_log_of_100_megabytes_is_nothing_to_the_worker(stack: Stack) -> None:
    worker = psutil.Process(stack.processes["worker"].pid)
    stack.run("basic/plain_chain/GreetTask", name="warm")
    before = worker.memory_info().rss

    status = stack.run("luigi/talk_chain/FloodTask", megabytes=100)

    assert status["job_status"] == "DONE"
    assert stack.file(str(status["key"]), "log").stat().st_size > 100 * 2**20
    assert worker.memory_info().rss - before < 16 * 2**20
