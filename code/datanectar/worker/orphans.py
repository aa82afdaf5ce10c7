"""Orphans: processes and files on this host of attempts that are over."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

from datanectar.attempt_files import (
    ATTEMPT_VARIABLE,
    AttemptName,
    attempts,
    clear,
    last_change,
    not_uploaded,
    parse_attempt_log,
)
from datanectar.child_pool import ChildPool
from datanectar.errors import DatanectarError
from datanectar.log_uploader import LogUploader
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.statuses import RUNNING
from datanectar.telemetry.context import log_context

log = logging.getLogger(__name__)

#: Seconds by which two readings of a process's start may differ: the clock's, and the kernel's
#: ticks since a boot whose time is known to the second.
_SAME_START = 3.0
#: Seconds without a change after which files of an attempt that is over are orphans, though other
#: workers are alive that could have it: none takes longer to upload the last of its logs.
_ORPHANED_AFTER = 900.0


def is_alive(pid: int | None, started: float | None) -> bool:
    """Tell whether the process that began at ``started`` is alive, and the pid is not another's."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill_leftover(run: Run, attempt_dir: Path) -> None:
    """Kill the processes that may be left of a child whose worker is dead or hangs."""
    leader = run.child_pid
    if leader and psutil.pid_exists(leader) and not is_alive(leader, run.child_started):
        leader = None  # the pid is another process's by now
    for process in _left_of(leader, str(attempt_dir)):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(5)


def _left_of(leader: int | None, attempt_dir: str) -> list[psutil.Process]:
    """Return the live processes of an attempt: by its child's session, or by its environment."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if (
                os.getsid(process.pid) == leader
                or process.environ().get(ATTEMPT_VARIABLE) == attempt_dir
            ):
                left.append(process)
    return left


def keep_logs(children: ChildPool, attempt_dir: Path, run: Run) -> bool:
    """Upload the logs of an attempt that are left; return whether that was possible."""
    LogUploader(children, attempt_dir, 0, run.storage).finish()
    return not not_uploaded(attempt_dir)


class OrphanSweeper:
    """Removes the files of attempts that are over.

    After a restart of the host, or of its container, no worker finds its former runs by its id. The
    run store knows which attempts are over; a live worker may still be uploading their logs.

    Args:
        store: knows the runs.
        children: copy logs.
        state: the folder of this host's files, which other hosts may share.
        is_followed: tells whether this worker follows an attempt at the run with an id.
    """

    def __init__(
        self, store: RunStore, children: ChildPool, state: Path, is_followed: Callable[[str], bool]
    ) -> None:
        self._store = store
        self._children = children
        self._state = state
        self._is_followed = is_followed

    def sweep(self, is_alone: bool) -> None:
        """Look at all files once.

        Args:
            is_alone: whether no other worker is alive, on any host.
        """
        for attempt in attempts(self._state):
            with log_context(run_id=attempt.run_id, attempt=attempt.number):
                self._sweep(attempt, is_alone)

    def _sweep(self, attempt: AttemptName, is_alone: bool) -> None:
        try:
            if not self._is_followed(attempt.run_id):
                self._check(attempt, is_alone)
        except (DatanectarError, OSError, ValueError) as problem:
            log.warning("%s: its files are left: %s", attempt.attempt_dir.name, problem)

    def _check(self, attempt: AttemptName, is_alone: bool) -> None:
        run = self._store.get(attempt.run_id)
        if run is not None and (run.status, run.attempt) == (RUNNING, attempt.number):
            return
        attempt_dir = attempt.attempt_dir
        if not is_alone and time.time() - last_change(attempt_dir) < _ORPHANED_AFTER:
            return
        if run is not None and run.attempt == attempt.number:
            self._delete_outdated(run, not_uploaded(attempt_dir), attempt_dir)
            if not keep_logs(self._children, attempt_dir, run):
                return
        clear(attempt_dir)
        log.info("%s: the files of an attempt that is over are removed", attempt_dir.name)

    def _delete_outdated(self, run: Run, logs: Collection[Path], attempt_dir: Path) -> None:
        """Delete logs in whose place is the log of a later run."""
        for file in logs:
            task = self._store.task_by_key(str(parse_attempt_log(attempt_dir, file)[0]))
            if task is not None and task.run_id > run.id:
                file.unlink(missing_ok=True)
