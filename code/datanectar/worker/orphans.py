"""What attempts left behind on this host: their processes, and their files."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

from datanectar.child_pool import ChildPool
from datanectar.errors import DatanectarError
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.statuses import RUNNING
from datanectar.storage.attempt_files import (
    ATTEMPT_VARIABLE,
    Attempt,
    attempts,
    clear,
    last_change,
    not_uploaded,
    parse_attempt_log,
)
from datanectar.worker.log_uploader import LogUploader

log = logging.getLogger(__name__)

#: How exactly, in seconds, the start of a process is known: by the clock, or by the kernel's ticks
#: since a boot whose time is known to the second.
_SAME_START = 3.0
#: Seconds without a change after which files of an attempt that is over are nobody's, though other
#: workers live that could have it: none takes longer to bring the last of its logs to S3.
_FORSAKEN = 900.0


def is_alive(pid: int | None, started: float | None) -> bool:
    """Tell whether the process ``pid`` that began at ``started`` still lives, and is no other."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill_leftover(run: Run, attempt_dir: Path) -> None:
    """Kill what may be left of a child whose worker is dead or hangs."""
    leader = run.child_pid
    if leader and psutil.pid_exists(leader) and not is_alive(leader, run.child_started):
        leader = None  # another's by now
    for process in _left_of(leader, str(attempt_dir)):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(5)


def _left_of(leader: int | None, attempt_dir: str) -> list[psutil.Process]:
    """Return what lives of an attempt: its child's session, and what was started with its spool."""
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
    """Bring to S3 what files of an attempt at a run hold of logs; tell whether nothing is left."""
    LogUploader(children, attempt_dir, 0, run.storage).finish()
    return not not_uploaded(attempt_dir)


class AttemptSweeper:
    """Removes the files of attempts that are over and that nobody sees to.

    After a restart of the host, or of its container, no worker knows its own former files by their
    owner. The run store knows which attempts are over; a worker that lives may still be at it.

    Args:
        store: knows the runs.
        children: copy logs.
        state: the folder of this host's files, which other hosts may share.
        is_watched: tells of a run's id whether this worker has a child at it.
    """

    def __init__(
        self, store: RunStore, children: ChildPool, state: Path, is_watched: Callable[[str], bool]
    ) -> None:
        self._store = store
        self._children = children
        self._state = state
        self._is_watched = is_watched

    def sweep(self, is_alone: bool) -> None:
        """Look at all files once.

        Args:
            is_alone: whether no other worker lives, on whatever host.
        """
        for attempt in attempts(self._state):
            try:
                if not self._is_watched(attempt.run_id):
                    self._look_at(attempt, is_alone)
            except (DatanectarError, OSError, ValueError) as problem:
                log.warning("%s: its files are left: %s", attempt.attempt_dir.name, problem)

    def _look_at(self, attempt: Attempt, is_alone: bool) -> None:
        run = self._store.get(attempt.run_id)
        if run is not None and (run.status, run.attempt) == (RUNNING, attempt.number):
            return
        attempt_dir = attempt.attempt_dir
        if not is_alone and time.time() - last_change(attempt_dir) < _FORSAKEN:
            return
        if run is not None and run.attempt == attempt.number:
            self._drop_what_is_outdated(run, not_uploaded(attempt_dir), attempt_dir)
            if not keep_logs(self._children, attempt_dir, run):
                return
        clear(attempt_dir)
        log.info("%s: the files of an attempt that is over are removed", attempt_dir.name)

    def _drop_what_is_outdated(self, run: Run, logs: Collection[Path], attempt_dir: Path) -> None:
        """Remove logs whose place a later run's has by now."""
        for file in logs:
            task = self._store.task_by_key(str(parse_attempt_log(attempt_dir, file)[0]))
            if task is not None and task.run_id > run.id:
                file.unlink(missing_ok=True)
