"""A wide run whose helpers are stopped, lost, or whose task kills whoever runs it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from datanectar.attempt_files import attempt_folder
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from tests.servers.processes import wait_for
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"DATANECTAR_WORKERS": "1", "DATANECTAR_GRACE": "0"}


@pytest.fixture(autouse=True)
def two_workers(stack: Stack) -> None:
    """Have a worker that can assist, whichever test is run first, or alone."""
    if "second" not in stack.processes:
        stack.start_worker("second")


def assisted_run(stack: Stack, name: str) -> Run:
    """Return a wide run that runs, once another worker assists it."""
    answer = stack.client.post("faulty/helped_chain/HelpedTask", name=name)
    store = RunStore(stack.settings.database_url)
    run = wait_for(lambda: _running(store, str(answer["run_id"])), "the run is begun")
    assert isinstance(run, Run)
    wait_for(lambda: _helpers(stack, run), "a worker assists it")
    return run


def _running(store: RunStore, run_id: str) -> Run | None:
    run = store.get(run_id)
    return run if run is not None and run.owner else None


def _helpers(stack: Stack, run: Run) -> list[Path]:
    """The marks of tasks that assisting processes have begun."""
    attempt_dirs = [attempt_folder(stack.settings.state, run.id, run.attempt, n) for n in (1, 2)]
    return [
        mark
        for attempt_dir in attempt_dirs
        for mark in attempt_dir.parent.glob(f"{attempt_dir.name}.*.begun")
    ]


def helper_of(stack: Stack, run: Run) -> str:
    names = ("worker", "second")
    return next(n for n in names if f"-{stack.processes[n].pid}-" not in str(run.owner))


def test_a_helper_that_is_stopped_fails_nothing(stack: Stack) -> None:
    run = assisted_run(stack, "stopped")
    name = helper_of(stack, run)

    assert stack.stop(name) == 0

    status = stack.ended(run.key)
    assert (status["job_status"], status["attempts"]) == ("DONE", 1)
    stack.start_worker(name)


def test_a_helper_that_is_killed_fails_nothing(stack: Stack) -> None:
    run = assisted_run(stack, "killed")
    helper = psutil.Process(stack.processes[helper_of(stack, run)].pid)

    for process in helper.children(recursive=True):
        with contextlib.suppress(OSError, psutil.Error):
            if _leads(process.pid):
                process.send_signal(signal.SIGKILL)

    status = stack.ended(run.key)
    assert (status["job_status"], status["attempts"]) == ("DONE", 1)


def _leads(pid: int) -> bool:
    """Tell a child by its session, which it leads; so does the fork server's watchdog, their ancestor."""
    return os.getsid(pid) == pid and not psutil.Process(pid).children()
