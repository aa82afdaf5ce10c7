"""The log and the parameters of a Nectar task, written whoever runs it.

In a run of the service Luigi's ``task_process_context`` records (:mod:`datanectar.runner.task_log`).
Elsewhere, by Luigi's own command, in a notebook, in a test, the task's ``run`` does it by itself.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import multiprocessing
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import luigi

from datanectar.errors import KeyUndefined, NotFound, StorageError
from datanectar.keys import LOG_FILE, PARAMS_FILE, Key
from datanectar.reasons import without_environment
from datanectar.settings import current
from datanectar.storage.base import Storage, keep_earlier
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.identity import class_option, key_of
from datanectar.util.task_params import public_params
from datanectar.util.tee import tee

#: The ids of the tasks that are being recorded in this process.
_recorded: set[str] = set()
#: Bytes of a log's end in which its last line is looked for.
_LAST_LINE = 200


@contextlib.contextmanager
def being_recorded(task: luigi.Task) -> Iterator[None]:
    """Take note that the task's log is seen to for the block."""
    _recorded.add(task.task_id)
    try:
        yield
    finally:
        _recorded.discard(task.task_id)


def record_run(cls: type[luigi.Task]) -> None:
    """Have a class's own ``run``, or one that comes from a mixin, record what it does."""
    run = getattr(cls, "run", None)
    if not callable(run) or run is luigi.Task.run or hasattr(run, "records"):
        return
    wrapper = _rounds(cls, run) if inspect.isgeneratorfunction(run) else _at_once(cls, run)
    wrapper.records = True  # type: ignore[attr-defined]
    cls.run = wrapper


def _called(cls: type[luigi.Task], run: Callable[..., Any]) -> Callable[..., Any]:
    """Return what to call: the class's own function, or whatever comes next at that time."""
    if "run" in vars(cls):
        return run
    return lambda self, *args, **options: super(cls, self).run(*args, **options)


def _at_once(cls: type[luigi.Task], run: Callable[..., Any]) -> Callable[..., Any]:
    inner = _called(cls, run)

    @functools.wraps(run)
    def recording(self: luigi.Task, *args: Any, **options: Any) -> Any:
        with _recording(self):
            result = inner(self, *args, **options)
        return _continued(self, result) if isinstance(result, Generator) else result

    return recording


def _rounds(cls: type[luigi.Task], run: Callable[..., Any]) -> Callable[..., Any]:
    inner = _called(cls, run)

    @functools.wraps(run)
    def recording(self: luigi.Task, *args: Any, **options: Any) -> Any:
        with _recording(self):
            return (yield from inner(self, *args, **options))

    return recording


def _continued(task: luigi.Task, rounds: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Return a generator that records what another does, which a plain ``run`` has returned."""
    with _recording(task, continues=True):
        return (yield from rounds)


@contextlib.contextmanager
def _recording(task: luigi.Task, *, continues: bool = False) -> Iterator[None]:
    """Record what the block writes and raises, unless somebody does; it fails on no account of ours."""
    if task.task_id in _recorded:
        yield
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(being_recorded(task))
        note = _begin(task, stack, continues)
        try:
            yield
        except GeneratorExit:  # Luigi makes first what the task has yielded, and runs it again
            note(_waits() + b"\n")
            raise
        except BaseException:
            text = without_environment(traceback.format_exc())
            note(text.encode(errors="backslashreplace"))
            raise


def _begin(
    task: luigi.Task, stack: contextlib.ExitStack, continues: bool
) -> Callable[[bytes], None]:
    """Begin the task's log and write its parameters; return a way to write to the log alone."""
    try:
        storage, key = storage_of(task), key_of(task)
        note = stack.enter_context(tee(_log_file(storage, key, stack, continues)))
    except KeyUndefined:  # a class at a prompt: nothing of it has a place
        return lambda data: None
    except Exception as problem:
        print(f"{task.task_id}: no log of its own: {problem}", file=sys.stderr)
        return lambda data: None
    write_params(storage, key, task)
    return note


def storage_of(task: luigi.Task) -> Storage:
    """Return the store that keeps this task's log and parameters."""
    name = class_option(type(task), "storage_name", None)
    return storage_named(name or default_name(current()))


def write_params(storage: Storage, key: Key, task: luigi.Task) -> None:
    """Write ``params.txt``, the parameters that may be shown as JSON; say so when it can't be."""
    text = json.dumps(public_params(task), sort_keys=True, indent=2)
    try:
        storage.put_bytes(key, PARAMS_FILE, f"{text}\n".encode())
    except (StorageError, OSError) as problem:
        print(f"{PARAMS_FILE} could not be written: {problem}")


def _log_file(storage: Storage, key: Key, stack: contextlib.ExitStack, continues: bool) -> Path:
    """Return the file to log to: the log itself, or one that is copied to it at the end."""
    continues = continues or _last_line(storage, key) == _waits()
    if not continues:
        keep_earlier(storage, key, LOG_FILE)
    file = storage.local_path(key, LOG_FILE)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file
    folder = tempfile.TemporaryDirectory(prefix="datanectar-", ignore_cleanup_errors=True)
    stack.enter_context(folder)
    file = Path(folder.name) / LOG_FILE
    with file.open("wb") as spooled:
        for piece in storage.read_chunks(key, LOG_FILE) if continues else ():
            spooled.write(piece)
    stack.callback(_put, storage, key, file)
    return file


def _put(storage: Storage, key: Key, file: Path) -> None:
    try:
        storage.put_file(key, LOG_FILE, file)
    except (StorageError, OSError) as problem:
        print(f"the log of {key} could not be kept: {problem}", file=sys.stderr)


def _waits() -> bytes:
    """Return the line that ends the log of a task while what it yielded is made.

    By it, its next round knows that it goes on: that may be in another process, but of one parent.
    """
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None else parent.pid
    return f"(Waits for what it requires; process {pid}.)".encode()


def _last_line(storage: Storage, key: Key) -> bytes:
    info = storage.info(key, LOG_FILE)
    if info is None:
        return b""
    with contextlib.suppress(NotFound):
        end = b"".join(storage.read_chunks(key, LOG_FILE, max(0, info.size - _LAST_LINE)))
        return end.rstrip(b"\n").rpartition(b"\n")[2]
    return b""
