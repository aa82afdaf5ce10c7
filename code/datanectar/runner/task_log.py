"""A task's log: all that the task, its subprocesses and its C libraries write.

Nothing is pumped through Python: descriptors 1 and 2 are the log file itself while a task runs. So
a log of any size costs no memory and survives the death of its writer. Local logs are written in
place. Other logs are written to the attempt's files on this host and uploaded: at the task's
end by the task's own process, meanwhile and after a violent end by
:class:`~datanectar.messages.UploadLogsJob` children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import luigi

from datanectar.attempt_files import (
    ATTEMPT_VARIABLE,
    attempt_log,
    begun_marker,
    mark_uploaded,
    not_uploaded,
    parse_attempt_log,
    run_log,
)
from datanectar.errors import DatanectarError, StorageError
from datanectar.forkserver.process_control import die_with_parent
from datanectar.keys import LOG_FILE, Key
from datanectar.messages import LogsUploaded, UploadLogsJob
from datanectar.runner import output
from datanectar.storage.base import Storage
from datanectar.storage.earlier import keep_earlier
from datanectar.storage.registry import log_store, name_of, storage_named
from datanectar.telemetry.in_child import task_named
from datanectar.util.identity import key_of
from datanectar.util.tasklog import being_recorded, storage_of, write_params
from datanectar.util.tee import flush


def begin_run_log(attempt_dir: Path) -> None:
    """Make ``attempt_dir`` this run's and send all further output to its run log."""
    attempt_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[ATTEMPT_VARIABLE] = str(attempt_dir)
    output.begin(run_log(attempt_dir), 0o600)


class TaskLog:
    """Wraps the execution of one task: Luigi's ``[worker] task_process_context``.

    It is entered in the process that runs the task (luigi/worker.py ``ContextManagedTaskProcess``).
    It never raises: a store that can't take a log must not fail a task.
    """

    def __init__(self, process: Any) -> None:
        self.task: luigi.Task = process.task
        self._scheduler = process.status_reporter._scheduler
        self._in_own_process = bool(process.use_multiprocessing)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> TaskLog:
        if self._in_own_process:
            die_with_parent(signal.SIGKILL)
        self._stack.enter_context(being_recorded(self.task))
        try:
            self._begin()
        except Exception:
            print(f"{self.task.task_id}: no log of its own:\n{traceback.format_exc()}")
        return self

    def __exit__(
        self, kind: object, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if problem is not None:  # a KeyboardInterrupt, which Luigi does not log
            traceback.print_exception(problem)
        try:
            self._stack.close()
        except Exception:
            print(f"{self.task.task_id}: its log could not be ended:\n{traceback.format_exc()}")

    def _begin(self) -> None:
        storage = storage_of(self.task)
        key = key_of(self.task)
        self._stack.enter_context(task_named(key.path, self.task.task_id))
        file = _log_file(storage, key)
        if _is_first_time(key):
            number = keep_earlier(storage, key, LOG_FILE)
            self._scheduler.report(self.task.task_id, log_number=number)
        if storage.local_path(key, LOG_FILE) is None:
            self._stack.callback(_upload_file, storage, key, file)
        self._stack.enter_context(output.appended_to(file, _log_mode(storage, key)))
        write_params(storage, key, self.task)


def append_reason(task: luigi.Task, reason: str) -> None:
    """Add to a task's log why its process ended, which that process could not write itself."""
    with contextlib.suppress(DatanectarError, OSError):
        descriptor = os.open(_log_file(storage_of(task), key_of(task)), os.O_WRONLY | os.O_APPEND)
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write(f"\n{reason}\n")


def redirect_to_log(root: luigi.Task) -> None:
    """Send what the process's exit handlers write to the root's log, if it was begun."""
    with contextlib.suppress(DatanectarError, OSError):
        storage, key = storage_of(root), key_of(root)
        file = _log_file(storage, key)
        if begun_marker(_attempt_dir(), key).exists() and file.exists():
            output.append_to(file, _log_mode(storage, key))


def keep_run_log(storage: Storage, key: Key, attempt_dir: Path) -> int | None:
    """Make the run log the log of a root that never ran, unless the root has a log by now.

    Returns:
        The log's number, as :func:`~datanectar.storage.earlier.keep_earlier` gives it, if it was kept.
    """
    if begun_marker(attempt_dir, key).exists():
        return None
    flush()
    with contextlib.suppress(DatanectarError, OSError):
        number = keep_earlier(storage, key, LOG_FILE)
        storage.put_file(key, LOG_FILE, run_log(attempt_dir))
        return number
    return None


def upload(job: UploadLogsJob) -> LogsUploaded:
    """Upload an attempt's logs that have grown since they were last uploaded."""
    attempt_dir = Path(job.attempt_dir)
    grown = not_uploaded(attempt_dir)
    for file in grown:
        key, store = parse_attempt_log(attempt_dir, file)
        storage = storage_named(log_store(store, job.storage))
        marker = begun_marker(attempt_dir, key)
        if not marker.exists():  # the log of a root that never ran
            keep_earlier(storage, key, LOG_FILE)
            marker.touch(0o600)
        _upload_file(storage, key, file)
    return LogsUploaded(len(grown))


def _upload_file(storage: Storage, key: Key, file: Path) -> None:
    size = file.stat().st_size
    try:
        storage.put_file(key, LOG_FILE, file)
    except StorageError as problem:
        print(f"the log of {key} could not be copied: {problem}")
    else:
        mark_uploaded(file, size)


def _log_file(storage: Storage, key: Key) -> Path:
    file = storage.local_path(key, LOG_FILE)
    if file is None:
        file = attempt_log(_attempt_dir(), key, name_of(storage.store_address))
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _attempt_dir() -> Path:
    return Path(os.environ[ATTEMPT_VARIABLE])


def _is_first_time(key: Key) -> bool:
    """Tell whether this attempt begins the log: a task that yields is entered several times."""
    if ATTEMPT_VARIABLE not in os.environ:
        return True
    marker = begun_marker(_attempt_dir(), key)
    with contextlib.suppress(OSError):  # it exists, or the file system has no hard links
        os.link(run_log(_attempt_dir()), marker)
        return True
    with contextlib.suppress(FileExistsError):
        marker.touch(0o600, exist_ok=False)
        return True
    return False


def _log_mode(storage: Storage, key: Key) -> int:
    """Return a new log's permissions: the umask decides about results; attempt files are private."""
    return 0o644 if storage.local_path(key, LOG_FILE) else 0o600
