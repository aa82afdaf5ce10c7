"""luigid away, restarted, killed, or holding something against a task."""

from __future__ import annotations

import signal
import time

from tests.servers.evidence import FAULTY, Evidence
from tests.servers.processes import wait_for
from tests.servers.stack import Stack


def running_at_luigid(stack: Stack) -> list[str]:
    luigid = stack.luigid
    return list(luigid.call("task_list", status="RUNNING", upstream_status=""))


def begun(evidence: Evidence, name: str) -> object:
    return wait_for(lambda: evidence.starts(name), f"{name} has begun")


def test_a_run_waits_for_luigid_says_so_and_goes_on(stack: Stack) -> None:
    stack.kill("luigid")

    answer = stack.post(f"{FAULTY}/WorkTask", json={"name": "patient"})

    assert answer.status_code == 200
    key = answer.json()["data"]["key"]
    wait_for(lambda: stack.status(key)["job_status"] == "RUNNING", "the run is taken up")
    assert stack.status(key)["scheduler"] == "unreachable"
    stack.start_luigid()
    assert stack.ended(key)["job_status"] == "DONE"


def test_luigid_keeps_its_tasks_across_a_stop_and_forgets_them_in_a_crash(stack: Stack) -> None:
    stack.run(f"{FAULTY}/WorkTask", name="kept")
    luigid = stack.luigid
    known = list(luigid.call("task_list", status="DONE", upstream_status=""))

    stack.stop("luigid")
    stack.start_luigid()

    assert list(luigid.call("task_list", status="DONE", upstream_status="")) == known != []
    # What was saved is old by the next crash: it may say RUNNING of what has long ended.
    stack.kill("luigid")
    stack.start_luigid()
    assert list(luigid.call("task_list", status="DONE", upstream_status="")) == []


def test_two_runs_share_a_task_and_luigid_is_killed_while_it_runs(
    stack: Stack, evidence: Evidence
) -> None:
    """luigid has forgotten who runs what; the one that runs it says so again, the other waits."""
    keys = [
        stack.client.post(f"{FAULTY}/TopTask", name=name, base="shared", seconds=2)["key"]
        for name in ("first", "second")
    ]
    begun(evidence, "BaseTask")
    time.sleep(0.5)  # the other run waits for it by now
    stack.kill("luigid")
    stack.start_luigid()

    assert [stack.ended(key)["job_status"] for key in keys] == ["DONE", "DONE"]
    assert evidence.overlapping() == []
    assert len(evidence.starts("BaseTask")) == 1


def test_a_task_that_a_dead_worker_left_running_keeps_nobody_waiting(
    stack: Stack, evidence: Evidence
) -> None:
    key = stack.client.post(f"{FAULTY}/WorkTask", name="left", seconds=2)["key"]
    begun(evidence, "WorkTask_left")
    luigid_has = wait_for(lambda: running_at_luigid(stack), "luigid has the task running")
    stack.processes["worker"].send_signal(signal.SIGKILL)
    stack.processes["worker"].wait()
    assert running_at_luigid(stack) == luigid_has

    began = time.monotonic()
    stack.start_worker()

    assert stack.ended(key)["job_status"] == "DONE"
    assert time.monotonic() - began < 40  # of luigid alone it would be minutes
    assert running_at_luigid(stack) == []


def test_a_task_that_luigid_has_disabled_is_run_when_it_is_asked_for_again(
    stack: Stack, evidence: Evidence
) -> None:
    first = stack.run(f"{FAULTY}/FailTask", name="again")
    luigid = stack.luigid
    assert list(luigid.call("task_list", status="DISABLED", upstream_status="")) != []

    second = stack.run(f"{FAULTY}/FailTask", name="again")

    assert (first["job_status"], second["job_status"]) == ("FAILED", "FAILED")
    assert first["run_id"] != second["run_id"]
    assert len(evidence.starts("FailTask_again")) == 2


def test_only_what_the_dead_worker_ran_is_ended(stack: Stack) -> None:
    """As when a process is killed just after luigid gave it a task: nobody else has heard of it."""
    luigid = stack.luigid
    for worker in ("dead", "alive"):
        luigid.call("add_task", worker=worker, task_id=f"task-of-{worker}", status="PENDING")
        assert luigid.call("get_work", worker=worker)["task_id"] == f"task-of-{worker}"

    luigid.end_worker("dead", "a test")

    assert running_at_luigid(stack) == ["task-of-alive"]
    assert "interrupted: a test" in luigid.call("fetch_error", task_id="task-of-dead")["error"]
