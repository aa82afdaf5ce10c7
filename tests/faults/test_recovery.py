"""Whatever part of it dies, a run goes on; and one that kills what it touches ends, with a reason."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import requests

from datanectar.runs.store import RunStore
from tests.servers.evidence import FAULTY, Evidence, is_whole
from tests.servers.processes import is_running, wait_for
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"DATANECTAR_MAX_ATTEMPTS": "2"}


def post(stack: Stack, task: str, **parameters: object) -> dict[str, object]:
    return stack.client.post(f"{FAULTY}/{task}", **parameters)


def begun(evidence: Evidence, name: str, times: int = 1) -> None:
    wait_for(lambda: len(evidence.starts(name)) >= times, f"{name} has begun {times} times")


def cancel(stack: Stack, answer: dict[str, object]) -> None:
    assert requests.delete(f"{stack.url}/api/runs/{answer['run_id']}", timeout=30).ok


def sleepers(stack: Stack) -> list[int]:
    """The processes that a LitterTask has left behind."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            home = process.environ().get("DATANECTAR_PROJECT")
            if process.name() == "sleep" and home == str(stack.project) and is_running(process.pid):
                found.append(process.pid)
    return found


def test_runs_of_a_killed_worker_are_taken_up_seconds_after_it_is_back(
    stack: Stack, evidence: Evidence
) -> None:
    key = post(stack, "WorkTask", name="killed", seconds=1.5)["key"]
    begun(evidence, "WorkTask_killed")
    stack.kill("worker")

    stack.start_worker()
    back = time.monotonic()
    begun(evidence, "WorkTask_killed", times=2)
    taken_up = time.monotonic() - back
    status = stack.ended(str(key))

    assert (status["job_status"], status["attempts"]) == ("DONE", 2)
    assert taken_up < 5
    assert is_whole(stack.file(str(key)))
    assert evidence.overlapping() == []


def test_a_run_that_kills_its_process_ends_after_the_last_attempt_and_says_how(
    stack: Stack, evidence: Evidence
) -> None:
    status = stack.run(f"{FAULTY}/KillerTask", name="k", signal=int(signal.SIGSEGV))

    assert (status["job_status"], status["attempts"]) == ("FAILED", 2)
    assert status["error"] == (
        "the run's process was killed by SIGSEGV, and so the last of 2 attempts was lost"
    )
    assert len(evidence.starts("KillerTask_k")) == 2
    log = stack.file(str(status["key"]), "log").read_text()
    assert "killed by SIGSEGV" in log


def test_a_run_that_leaves_without_a_result_fails_at_once_and_says_how(stack: Stack) -> None:
    for code in (0, 3):
        status = stack.run(f"{FAULTY}/ExitTask", name=f"exit-{code}", code=code)

        assert (status["job_status"], status["attempts"]) == ("FAILED", 1)
        assert f"exit code {code}" in str(status["error"])


def test_a_run_that_takes_more_memory_than_there_is_says_so(stack: Stack) -> None:
    group = Path(f"/sys/fs/cgroup/memory/datanectar-test-{os.getpid()}")
    try:
        group.mkdir()
    except OSError as problem:
        pytest.skip(f"no control group of the first version can be made here: {problem}")
    try:
        (group / "memory.limit_in_bytes").write_text(str(160 << 20))
        with contextlib.suppress(OSError):
            (group / "memory.swappiness").write_text("0")

        status = stack.run(f"{FAULTY}/HogTask", name="hog", group=str(group))
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group is empty", 10)
        group.rmdir()

    assert (status["job_status"], status["attempts"]) == ("FAILED", 2)
    assert "out of memory" in str(status["error"])


@pytest.mark.slow
def test_a_live_long_run_is_never_called_dead(stack: Stack, evidence: Evidence) -> None:
    """Six times the heartbeat timeout, beside a chain that hangs the look at the schedules."""
    hanging = stack.project / "code" / "chains" / "faulty" / "hanging_chain.py"
    hanging.write_text("import time\n\ntime.sleep(600)\n")
    try:
        stack.start_worker("second")
        status = stack.run(f"{FAULTY}/WorkTask", name="long", seconds=12)
    finally:
        hanging.unlink()
        stack.stop("second")

    assert (status["job_status"], status["attempts"]) == ("DONE", 1)
    assert len(evidence.starts("WorkTask_long")) == 1


def test_a_run_handed_back_by_a_stopping_worker_loses_no_attempt(
    stack: Stack, evidence: Evidence
) -> None:
    """Handed back twice with two attempts in all, it still ends well."""
    answer = post(stack, "WorkTask", name="handed", seconds=4)
    for times in (1, 2):
        begun(evidence, "WorkTask_handed", times)
        began = time.monotonic()
        assert stack.stop("worker") == 0
        assert time.monotonic() - began < 5
        run = RunStore(stack.settings.database_url).get(str(answer["run_id"]))
        assert run is not None
        assert (run.status, run.owner, run.handed_back) == ("PENDING", None, times)
        stack.start_worker()

    status = stack.ended(str(answer["key"]))

    assert (status["job_status"], status["attempts"]) == ("DONE", 3)
    assert evidence.overlapping() == []


def test_a_stopping_worker_lets_a_short_run_finish(stack: Stack, evidence: Evidence) -> None:
    key = post(stack, "WorkTask", name="short", seconds=0.6)["key"]
    begun(evidence, "WorkTask_short")
    stack.stop("worker")

    assert stack.status(str(key))["job_status"] == "DONE"
    stack.start_worker()


def test_a_suspended_worker_is_replaced_and_touches_nothing_when_it_comes_back(
    stack: Stack, evidence: Evidence
) -> None:
    key = str(post(stack, "WorkTask", name="frozen", seconds=12)["key"])
    begun(evidence, "WorkTask_frozen")
    stack.start_worker("second")
    stack.processes["worker"].send_signal(signal.SIGSTOP)
    try:
        begun(evidence, "WorkTask_frozen", times=2)
    finally:
        stack.processes["worker"].send_signal(signal.SIGCONT)
    time.sleep(1)  # what it would do wrong, it does at once
    running = stack.luigid.call("task_list", status="RUNNING", upstream_status="")
    status = stack.ended(key)
    stack.stop("second")

    assert [task for task in running if "WorkTask_frozen" in task]
    assert (status["job_status"], status["attempts"]) == ("DONE", 2)
    assert "killed" not in stack.file(key, "log").read_text()
    assert evidence.overlapping() == []


def test_a_cancelled_run_and_all_that_it_began_is_gone_within_five_seconds(
    stack: Stack, evidence: Evidence
) -> None:
    answer = post(stack, "LitterTask", name="cancelled", seconds=60)
    begun(evidence, "LitterTask_cancelled")
    assert len(sleepers(stack)) == 2

    began = time.monotonic()
    cancel(stack, answer)
    status = stack.ended(str(answer["key"]))
    wait_for(lambda: not sleepers(stack), "what it began is gone", 5)

    assert time.monotonic() - began < 5
    assert (status["job_status"], status["error"]) == ("CANCELLED", "cancelled")
    luigid = stack.luigid
    assert not luigid.call("task_list", status="RUNNING", upstream_status="")


def test_a_cancelled_run_that_waits_never_begins(stack: Stack, evidence: Evidence) -> None:
    busy = [post(stack, "WorkTask", name=f"busy-{n}", seconds=6) for n in range(2)]
    waiting = post(stack, "WorkTask", name="waiting")

    cancel(stack, waiting)

    assert stack.status(str(waiting["key"]))["job_status"] == "CANCELLED"
    assert [stack.ended(str(run["key"]))["job_status"] for run in busy] == ["DONE", "DONE"]
    assert evidence.starts("WorkTask_waiting") == []
