"""A task's log: whatever it and its subprocesses and C libraries write, taken at the descriptors.

Nothing is pumped through Python: descriptors 1 and 2 are the log file itself while a task runs, so
a log of any size costs no memory and survives the death of its writer. Local logs are written in
place. Logs bound for S3 are spooled on this host and copied: at the task's end by the task's own
process, meanwhile and after a violent end by :class:`~datanectar.messages.UploadLogsJob` children.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import luigi

from datanectar.errors import DatanectarError, StorageError
from datanectar.forkserver.process_control import die_with_parent
from datanectar.keys import LOG_FILE, Key
from datanectar.messages import LogsUploaded, UploadLogsJob
from datanectar.storage.attempt_files import (
    ATTEMPT_VARIABLE,
    attempt_log,
    begun_marker,
    mark_uploaded,
    not_uploaded,
    parse_attempt_log,
    run_log,
)
from datanectar.storage.base import Storage, keep_earlier
from datanectar.storage.registry import log_store, name_of, storage_named
from datanectar.util.identity import key_of
from datanectar.util.tasklog import being_recorded, storage_of, write_params
from datanectar.util.tee import flush

#: The descriptor of what an import has printed while nobody knew whether a run would follow.
_held: list[int] = []
#: Bytes of it that are kept at most.
MOST_HELD = 16_000_000


def discard_output() -> None:
    """Send what an import prints nowhere: it belongs to no run."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


def hold_output() -> None:
    """Keep what an import prints, in memory, for the log of the run that follows. Linux alone."""
    drop_held_output()
    held = os.memfd_create("output")
    os.dup2(held, 1)
    os.dup2(held, 2)
    _held.append(held)
    _renew_streams()  # which an import may keep or wrap: they are to be those of the run


def trim_held_output() -> None:
    """Keep of what was kept so much and no more, while it waits for its run."""
    for held in _held:
        if os.fstat(held).st_size > MOST_HELD:
            os.ftruncate(held, MOST_HELD)
            os.lseek(held, 0, os.SEEK_END)
            os.write(held, b"\n[the rest of what the import printed is left out]\n")


def drop_held_output() -> None:
    """Forget what was kept: no run follows."""
    while _held:
        os.close(_held.pop())


def begin_run_log(attempt_dir: Path) -> None:
    """Make ``attempt_dir`` this run's and send all further output to its run log."""
    attempt_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[ATTEMPT_VARIABLE] = str(attempt_dir)
    if not _held:
        _renew_streams()
    flush()
    log = _append_to(run_log(attempt_dir), 0o600)
    while _held:
        with open(_held.pop(), "rb") as held, open(log, "wb", closefd=False) as kept:  # noqa: PTH123
            held.seek(0)
            shutil.copyfileobj(held, kept)
    _point_output_at(log)


class TaskLog:
    """Wraps the execution of one task: Luigi's ``[worker] task_process_context``.

    See luigi/worker.py ``ContextManagedTaskProcess``: it is entered in the process that runs the
    task, whichever that is. It never raises: a store that can't take a log must not fail a task.
    """

    def __init__(self, process: Any) -> None:
        self.task: luigi.Task = process.task
        self._scheduler = process.status_reporter._scheduler
        self._apart = bool(process.use_multiprocessing)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> TaskLog:
        if self._apart:
            die_with_parent(signal.SIGKILL)
        self._stack.enter_context(being_recorded(self.task))
        try:
            self._enter()
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

    def _enter(self) -> None:
        storage = storage_of(self.task)
        key = key_of(self.task)
        file = _log_file(storage, key)
        if _first_time(key):
            number = keep_earlier(storage, key, LOG_FILE)
            self._scheduler.tell_log_number(self.task.task_id, number)
        if storage.local_path(key, LOG_FILE) is None:
            self._stack.callback(_ship_file, storage, key, file)
        self._stack.enter_context(_output_to(file, _log_mode(storage, key)))
        write_params(storage, key, self.task)


def append_reason(task: luigi.Task, reason: str) -> None:
    """Add to a task's log why its process ended, which that could not write itself."""
    with contextlib.suppress(DatanectarError, OSError):
        descriptor = os.open(_log_file(storage_of(task), key_of(task)), os.O_WRONLY | os.O_APPEND)
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write(f"\n{reason}\n")


def speak_for(root: luigi.Task) -> None:
    """Send what the process still says, as its exit handlers run, to the root's log if it has one."""
    with contextlib.suppress(DatanectarError, OSError):
        storage, key = storage_of(root), key_of(root)
        if begun_marker(_attempt_dir(), key).exists():
            _point_output_at(_append_to(_log_file(storage, key), _log_mode(storage, key)))


def keep_run_log(storage: Storage, key: Key, attempt_dir: Path) -> int | None:
    """Make the run log the log of a root that never came to run, unless it has one by now.

    Returns:
        The log's number, as :func:`~datanectar.storage.base.keep_earlier` gives it, if it was kept.
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
    """Copy the spooled logs that have grown since they were last copied."""
    attempt_dir = Path(job.attempt_dir)
    grown = not_uploaded(attempt_dir)
    for file in grown:
        key, store = parse_attempt_log(attempt_dir, file)
        storage = storage_named(log_store(store, job.storage))
        marker = begun_marker(attempt_dir, key)
        if not marker.exists():  # the log of a root that never came to run
            keep_earlier(storage, key, LOG_FILE)
            marker.touch(0o600)
        _ship_file(storage, key, file)
    return LogsUploaded(len(grown))


def _ship_file(storage: Storage, key: Key, file: Path) -> None:
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


def _first_time(key: Key) -> bool:
    """Tell whether this attempt begins the log: a task that yields is entered several times."""
    if ATTEMPT_VARIABLE not in os.environ:
        return True
    marker = begun_marker(_attempt_dir(), key)
    with contextlib.suppress(
        OSError
    ):  # it is there, or the file system has no such links, or no more
        os.link(run_log(_attempt_dir()), marker)
        return True
    with contextlib.suppress(FileExistsError):
        marker.touch(0o600, exist_ok=False)
        return True
    return False


def _log_mode(storage: Storage, key: Key) -> int:
    """Return the mode of a new log: beside results for all, among the attempt's files for the owner."""
    return 0o644 if storage.local_path(key, LOG_FILE) else 0o600


def _append_to(file: Path, mode: int) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)


def _open_stream(descriptor: int) -> TextIO:
    return open(
        descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )


def _renew_streams() -> None:
    sys.stdout, sys.stderr = _open_stream(1), _open_stream(2)


def _point_output_at(descriptor: int) -> None:
    flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


@contextlib.contextmanager
def _output_to(file: Path, mode: int) -> Iterator[None]:
    before, streams = os.dup(1), (sys.stdout, sys.stderr)
    _point_output_at(_append_to(file, mode))
    try:
        yield
    finally:
        _point_output_at(before)
        # What a task does to its streams is not the next task's concern.
        sys.stdout, sys.stderr = (
            _open_stream(number) if stream is None or stream.closed else stream
            for number, stream in enumerate(streams, 1)
        )
