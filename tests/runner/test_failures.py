"""Runs that fail, as who asked for them sees it: each end has a reason, a place and a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.bench import lines_of
from tests.servers.stack import Stack

FAIL = "bad/fail_chain"


def failed(stack: Stack, where: str, /, **parameters: Any) -> dict[str, Any]:
    """Run a task, which has to fail; return its status."""
    status = stack.run(where, **parameters)
    assert status["job_status"] == "FAILED", status
    assert status["resource_url"] is None
    return status


def log_at(stack: Stack, url: str) -> str:
    """Return the log at a URL of the app."""
    answer = stack.get(url.removeprefix(stack.url))
    assert answer.status_code == 200, answer.text
    return answer.text


def test_what_run_raises_is_the_error_with_traceback_and_log(stack: Stack) -> None:
    status = failed(stack, f"{FAIL}/RunRaisesTask", name="x")

    assert status["error"] == "ValueError: no good: x"
    assert "Traceback (most recent call last)" in status["traceback"]
    assert "fail_chain.py" in status["traceback"]
    assert status["failed_key"] == status["key"]
    log = log_at(stack, status["log_url"])
    assert "about to raise" in log and "ValueError: no good: x" in log


def test_a_dependency_that_fails_is_named_with_its_log(stack: Stack) -> None:
    status = failed(stack, f"{FAIL}/NeedsBadTask", name="dep")

    assert status["error"] == "ValueError: no good: dep"
    assert "/RunRaisesTask/" in status["failed_key"]
    assert "about to raise" in log_at(stack, status["failed_log_url"])
    assert "no good: dep" in log_at(stack, status["log_url"])
    own = stack.status(status["failed_key"])
    assert (own["job_status"], own["error"]) == ("FAILED", "ValueError: no good: dep")


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("RequiresRaisesTask", "LookupError: 'what does x need?'"),
        ("NeedsLostTask", "LookupError: 'what does x need?'"),
        ("CompleteRaisesTask", "ConnectionError: is x done?"),
        ("NoOutputTask", "NoOutputTask ran, and its output is not there"),
        ("InterruptTask", "KeyboardInterrupt"),
        ("SystemExitTask", "SystemExit: 0"),
    ],
)
def test_whatever_else_a_task_raises_is_the_error(stack: Stack, task: str, error: str) -> None:
    status = failed(stack, f"{FAIL}/{task}", name="x")

    assert error.replace("'", "") in status["error"].replace("'", "")
    assert error.partition(":")[0].partition("(")[0] in log_at(stack, status["log_url"])


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("exit0", "the run's process ended itself (exit code 0) before the run was over"),
        ("exit3", "the run's process ended itself (exit code 3) before the run was over"),
        (
            "segfault",
            "the run's process was killed by SIGSEGV, and so the last of 3 attempts was lost",
        ),
        ("kill", "the run's process was killed by SIGKILL, and so the last of 3 attempts was lost"),
        ("memory", "MemoryError"),
    ],
)
def test_a_task_that_ends_its_process_fails_with_how(
    stack: Stack, tmp_path: Path, how: str, error: str
) -> None:
    evidence = tmp_path / "evidence"

    status = failed(stack, f"{FAIL}/DieTask", how=how, evidence=str(evidence))

    attempts = 3 if "attempts" in error else 1
    assert (status["error"], status["attempts"]) == (error, attempts)
    assert lines_of(evidence) == ["die"] * attempts
    log = log_at(stack, status["log_url"])
    assert f"dying by {how}" in log
    assert error.partition(",")[0] in log


@pytest.mark.parametrize("how", ["exit0", "exit3", "segfault", "kill", "memory"])
def test_a_task_that_ends_a_process_of_its_own_within_the_run_fails_at_once(
    stack: Stack, how: str
) -> None:
    ends = {"exit0": "exit code 0", "exit3": "exit code 3"}
    ends |= {"segfault": "killed by SIGSEGV", "kill": "killed by SIGKILL", "memory": "MemoryError"}

    status = failed(stack, f"{FAIL}/DieApartTask", how=how)

    assert ends[how] in status["error"]
    assert status["attempts"] == 1
    assert ends[how] in log_at(stack, status["log_url"])


@pytest.mark.parametrize("task", ["LoopTask", "LoopInRequiresTask"])
def test_a_run_that_never_ends_is_stopped_at_its_time_limit(stack: Stack, task: str) -> None:
    status = failed(stack, f"{FAIL}/{task}", name="x")

    assert status["error"] == "time limit of 1 s"
    assert status["attempts"] == 1
    assert "time limit of 1 s" in log_at(stack, status["log_url"])


def test_after_a_failure_the_next_post_runs_only_what_is_missing_and_at_once(
    stack: Stack, tmp_path: Path
) -> None:
    evidence, cure = tmp_path / "evidence", tmp_path / "cure"
    options = {"name": "resume", "cure": str(cure), "evidence": str(evidence)}
    failed(stack, f"{FAIL}/NeedsBadTask", **options)
    failed(stack, f"{FAIL}/NeedsBadTask", **options)
    cure.touch()

    status = stack.run(f"{FAIL}/NeedsBadTask", **options)

    assert status["job_status"] == "DONE"
    assert lines_of(evidence) == [
        "good resume",
        "try resume",
        "try resume",
        "try resume",
        "root resume",
    ]


def test_missing_data_is_named(stack: Stack, tmp_path: Path) -> None:
    missing = str(tmp_path / "not-here.csv")

    status = failed(stack, "luigi/semantics_chain/UseFileTask", path=missing)

    assert status["error"].startswith("External data is missing")
    assert missing in status["error"]


def test_a_wrapper_is_done_without_a_result_of_its_own(stack: Stack, tmp_path: Path) -> None:
    options = {"name": "w", "evidence": str(tmp_path / "evidence")}

    status = stack.run("luigi/semantics_chain/AllTask", **options)
    again = stack.post("luigi/semantics_chain/AllTask", json=options).json()["data"]

    assert (status["job_status"], status["resource_url"]) == ("DONE", None)
    assert again["job_status"] == "DONE"


def test_authors_options_of_our_names_are_their_parameters(stack: Stack) -> None:
    status = stack.run("luigi/keys_chain/OwnNamesTask")

    assert status["job_status"] == "DONE", status
    assert stack.file(str(status["key"])).read_text() == "7 300 mine"


def test_two_equal_posts_while_the_first_runs_are_one_run(stack: Stack, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    path = f"basic/plain_chain/SleepTask?name=once&seconds=0.5&evidence={evidence}"

    runs = {stack.post(path).json()["data"]["run_id"] for _ in range(5)}

    assert len(runs) == 1
    key = stack.post(path).json()["data"]["key"]
    assert stack.ended(key)["job_status"] == "DONE"
    assert lines_of(evidence) == ["once"]


REASONS = {
    "QueryTask": "OperationalError: (sqlite3.OperationalError) no such table: bikes",
    "TwoLinesTask": "RuntimeError: Station 7 is broken see the manual",
    "SilentTask": "ValueError: no good",
    "FailsTwiceTask": "ValueError: no good",
    "OutputTask": "RuntimeError: Station 7 is broken",
    "BreakpointTask": "BdbQuit: a run has no terminal for breakpoint()",
}


@pytest.mark.parametrize("task", REASONS)
def test_the_error_is_the_exceptions_type_and_message(stack: Stack, task: str) -> None:
    """Fault 2.4, 3.22."""
    status = failed(stack, f"bad/reasons_chain/{task}")

    assert status["error"].startswith(REASONS[task])
    assert "http" not in status["error"]
    assert "Traceback (most recent call last)" in status["traceback"]
    assert "Reason: " not in status["traceback"]


def test_what_on_failure_says_is_told_beside_the_reason(stack: Stack) -> None:
    """Fault 2.4."""
    status = failed(stack, "bad/reasons_chain/SilentTask", words="ask Jim")

    assert (status["error"], status["traceback"]) == ("ValueError: no good", "ask Jim")


def test_what_refuses_to_be_made_is_told_in_one_line(stack: Stack) -> None:
    """Fault 2.4."""
    answer = stack.post("bad/reasons_chain/InitTask")

    assert answer.status_code == 400
    assert "RuntimeError: Station 7 is broken" in answer.json()["message"]


@pytest.mark.parametrize("task", ["ConvertTask", "ConvertApartTask", "ProgramInCompleteTask"])
def test_a_program_that_fails_is_the_reason_and_its_environment_is_nowhere(
    stack: Stack, task: str
) -> None:
    """Fault 2.5: neither in the status nor in the graph, the store, the log or luigid."""
    status = failed(stack, f"bad/reasons_chain/{task}")

    words = "ExternalProgramRunError: Program failed with return code=3: COMMAND: sh -c echo no"
    assert status["error"].startswith(words)
    assert status["error"].endswith("STDERR: no such codec")
    run = stack.get(f"/api/runs/{status['run_id']}").text
    graph = stack.get(f"/api/chaingraph?chain={status['key']}/out.txt").text
    known = requests.get(f"{stack.luigid_url}/api/dep_graph", timeout=9).text
    told = [str(status), run, graph, known]
    if task != "ProgramInCompleteTask":  # Luigi logs that text before anybody could change it
        told.append(log_at(stack, status["log_url"]))
    for text in told:
        assert "PATH=" not in text and "DATANECTAR_" not in text
