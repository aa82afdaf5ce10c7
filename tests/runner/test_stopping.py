"""What is cancelled or out of time is asked to end before it is killed: real servers, real tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.bench import lines_of, wait_for_line
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

PLACE = "made/patient_chain"
CHAIN = '''
import luigi, multiprocessing, signal, time
from datanectar import NectarTask

class CleanTask(NectarTask):
    """Waits for ever, and cleans up."""
    evidence = luigi.Parameter()
    number = luigi.IntParameter(default=0)
    def note(self, line):
        with open(self.evidence, "a") as lines:
            lines.write(f"{line} {self.number}\\n")
    def run(self):
        try:
            self.note("began")
            while True:
                try:
                    time.sleep(0.01)
                except Exception:
                    self.note("caught")
        finally:
            time.sleep(0.2)
            self.note("finally")
    def on_failure(self, problem):
        self.note(f"on_failure {type(problem).__name__}")

class TimedTask(CleanTask):
    timeout = 1

class LimitedTask(CleanTask):
    run_timeout = 1.0

class DynamicTask(CleanTask):
    """Waits for what it asks for on its way."""
    workers = 2
    def run(self):
        yield [CleanTask(evidence=self.evidence, number=1), CleanTask(evidence=self.evidence, number=2)]

class NextTask(CleanTask):
    """Must not begin when what it waits beside is stopped."""
    def requires(self):
        return [CleanTask(evidence=self.evidence, number=n) for n in (1, 2)]

class StubbornTask(CleanTask):
    """Does not want to hear of it."""
    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.note("began")
        while True:
            time.sleep(0.01)

class PoolTask(CleanTask):
    """Ends a pool of processes, which is done by SIGTERM."""
    def run(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            numbers = pool.map(abs, [-1, -2])
        self.save(str(sum(numbers)))
'''


@pytest.fixture(scope="module")
def patient(stack: Stack) -> Stack:
    stack.chain(PLACE, CHAIN)
    return stack


def cancelled(stack: Stack, task: str, evidence: Path, *begun: int) -> dict[str, object]:
    """Start a task, cancel it when the tasks of these numbers have begun, and return its status."""
    accepted = stack.client.post(f"{PLACE}/{task}", evidence=str(evidence))
    for number in begun:
        wait_for_line(evidence, f"began {number}")
    stack.client.cancel(str(accepted["run_id"]))
    status = stack.ended(str(accepted["key"]))
    assert status["job_status"] == "CANCELLED", status
    assert status["error"] == "cancelled"
    return status


def test_a_task_that_is_cancelled_cleans_up_first(patient: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"

    status = cancelled(patient, "CleanTask", evidence, 0)

    assert lines_of(evidence) == ["began 0", "finally 0", "on_failure TaskStopped 0"]
    log = patient.get(str(status["log_url"]).removeprefix(patient.url)).text
    assert "asked to end" in log and "cancelled" in log


def test_tasks_in_processes_of_their_own_clean_up_too(patient: Stack, tmp_path: Path) -> None:
    """With ``workers`` above 1, and asked for on the way."""
    evidence = tmp_path / "evidence"

    cancelled(patient, "DynamicTask", evidence, 1, 2)

    ends = {
        f"{what} {number}" for what in ("finally", "on_failure TaskStopped") for number in (1, 2)
    }
    assert ends <= set(lines_of(evidence))


def test_no_other_task_begins_once_the_run_is_cancelled(patient: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    accepted = patient.client.post(f"{PLACE}/NextTask", evidence=str(evidence))
    wait_for(lambda: lines_of(evidence), "one of the first two has begun")
    patient.client.cancel(str(accepted["run_id"]))

    assert patient.ended(str(accepted["key"]))["job_status"] == "CANCELLED"

    assert len([line for line in lines_of(evidence) if line.startswith("began")]) == 1


def test_a_run_at_its_time_limit_cleans_up_first(patient: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"

    status = patient.run(f"{PLACE}/LimitedTask", evidence=str(evidence))

    assert (status["job_status"], status["error"]) == ("FAILED", "time limit of 1 s")
    assert status["failed_key"] == status["key"]
    assert lines_of(evidence) == ["began 0", "finally 0", "on_failure TaskStopped 0"]


def test_a_task_at_its_time_limit_cleans_up_first(patient: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"

    status = patient.run(f"{PLACE}/TimedTask", evidence=str(evidence))

    assert status["job_status"] == "FAILED"
    assert "timed out after 1 seconds" in str(status["error"])
    assert "raise `timeout` on its class" in str(status["error"])
    assert lines_of(evidence) == ["began 0", "finally 0", "on_failure TaskStopped 0"]


def test_a_task_that_does_not_end_is_killed(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    stack = make_stack(DATANECTAR_KILL_AFTER="0.5").start()
    stack.chain(PLACE, CHAIN)
    evidence = tmp_path / "evidence"

    cancelled(stack, "StubbornTask", evidence, 0)

    assert lines_of(evidence) == ["began 0"]


def test_a_pool_of_a_task_ends_quietly(patient: Stack, tmp_path: Path) -> None:
    """Fault: the processes of the pool, which are ended by SIGTERM, printed a traceback each."""
    status = patient.run(f"{PLACE}/PoolTask", evidence=str(tmp_path / "evidence"))

    assert status["job_status"] == "DONE", status
    assert "TaskStopped" not in patient.file(str(status["key"]), "log").read_text()
