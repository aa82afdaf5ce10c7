"""The log and the parameters of a Nectar task, written by whatever runs it.

In a run of the service, Luigi's ``task_process_context`` does it (:mod:`datanectar.runner.task_log`).
Elsewhere, by Luigi's own command, in a notebook or in a test, the task's own ``run`` does it.
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
from datanectar.parameters.class_options import class_option
from datanectar.reasons import without_environment
from datanectar.settings import current
from datanectar.storage.base import Storage
from datanectar.storage.earlier import keep_earlier
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.identity import key_of
from datanectar.util.task_params import public_params
from datanectar.util.tee import tee

#: The ids of the tasks whose output is being logged in this process.
_recorded: set[str] = set()
#: Bytes of a log's end in which its last line is looked for.
_LAST_LINE = 200


@contextlib.contextmanager
def being_recorded(task: luigi.Task) -> Iterator[None]:
    """Note that the block's output is being logged as the task's."""
    _recorded.add(task.task_id)
    try:
        yield
    finally:
        _recorded.discard(task.task_id)


def is_recording() -> bool:
    """Tell whether a task's log is being written in this process."""
    return bool(_recorded)


def record_run(cls: type[luigi.Task]) -> None:
    """Wrap a class's own ``run``, or the one of a mixin, so that it writes log and parameters.

    Args:
        cls: a Nectar task class. Its ``run`` is left alone if it is Luigi's or wrapped already.
    """
    run = getattr(cls, "run", None)
    if not callable(run) or run is luigi.Task.run or hasattr(run, "records"):
        return
    wrapper = (
        _wrapped_generator(cls, run)
        if inspect.isgeneratorfunction(run)
        else _wrapped_function(cls, run)
    )
    wrapper.records = True  # type: ignore[attr-defined]
    cls.run = wrapper


def _function_to_call(cls: type[luigi.Task], run: Callable[..., Any]) -> Callable[..., Any]:
    """Return the class's own function, or one that calls the next class's when it is called."""
    if "run" in vars(cls):
        return run
    return lambda self, *args, **options: super(cls, self).run(*args, **options)


def _wrapped_function(cls: type[luigi.Task], run: Callable[..., Any]) -> Callable[..., Any]:
    inner = _function_to_call(cls, run)

    @functools.wraps(run)
    def wrapper(self: luigi.Task, *args: Any, **options: Any) -> Any:
        with recording(self):
            result = inner(self, *args, **options)
        return _continued(self, result) if isinstance(result, Generator) else result

    return wrapper


def _wrapped_generator(cls: type[luigi.Task], run: Callable[..., Any]) -> Callable[..., Any]:
    inner = _function_to_call(cls, run)

    @functools.wraps(run)
    def wrapper(self: luigi.Task, *args: Any, **options: Any) -> Any:
        with recording(self):
            return (yield from inner(self, *args, **options))

    return wrapper


def _continued(task: luigi.Task, rounds: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Return a generator that logs what another one does, which a plain ``run`` has returned."""
    with recording(task, continues=True):
        return (yield from rounds)


@contextlib.contextmanager
def recording(task: luigi.Task, *, continues: bool = False) -> Iterator[None]:
    """Log what the block writes and raises, unless that is done already; never fail because of it."""
    if task.task_id in _recorded:
        yield
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(being_recorded(task))
        write = _begin(task, stack, continues)
        try:
            yield
        except GeneratorExit:  # Luigi runs what the task has yielded, then the task again
            write(_waiting_line() + b"\n")
            raise
        except BaseException:
            text = without_environment(traceback.format_exc())
            write(text.encode(errors="backslashreplace"))
            raise


def _begin(
    task: luigi.Task, stack: contextlib.ExitStack, continues: bool
) -> Callable[[bytes], None]:
    """Begin the task's log, write its parameters, return a function that writes to the log alone."""
    try:
        storage, key = storage_of(task), key_of(task)
        write = stack.enter_context(tee(_log_file(storage, key, stack, continues)))
    except KeyUndefined:  # a class at a prompt has no key, so no place for a log
        return lambda data: None
    except Exception as problem:
        print(f"{task.task_id}: no log of its own: {problem}", file=sys.stderr)
        return lambda data: None
    write_params(storage, key, task)
    return write


def storage_of(task: luigi.Task) -> Storage:
    """Return the store that keeps this task's log and parameters."""
    return storage_of_class(type(task))


def storage_of_class(cls: type[luigi.Task]) -> Storage:
    """Return the store that keeps what tasks of a class make."""
    return storage_named(storage_name(cls))


def storage_name(cls: type[luigi.Task]) -> str:
    """Return the name of the store that keeps what tasks of a class make.

    Raises:
        ChainError: when the class names none that there is.
    """
    return class_option(cls, "storage_name", None) or default_name(current())


def write_params(storage: Storage, key: Key, task: luigi.Task) -> None:
    """Write ``params.txt``: the public parameters as JSON. A failure is printed."""
    text = json.dumps(public_params(task), sort_keys=True, indent=2)
    try:
        storage.put_bytes(key, PARAMS_FILE, f"{text}\n".encode())
    except (StorageError, OSError) as problem:
        print(f"{PARAMS_FILE} could not be written: {problem}")


def _log_file(storage: Storage, key: Key, stack: contextlib.ExitStack, continues: bool) -> Path:
    """Return the file to log to: the log itself, or a temporary one that is uploaded at the end."""
    continues = continues or _last_line(storage, key) == _waiting_line()
    if not continues:
        keep_earlier(storage, key, LOG_FILE)
    file = storage.local_path(key, LOG_FILE)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file
    folder = tempfile.TemporaryDirectory(prefix="datanectar-", ignore_cleanup_errors=True)
    stack.enter_context(folder)
    file = Path(folder.name) / LOG_FILE
    with file.open("wb") as copy:
        for piece in storage.read_chunks(key, LOG_FILE) if continues else ():
            copy.write(piece)
    stack.callback(_upload, storage, key, file)
    return file


def _upload(storage: Storage, key: Key, file: Path) -> None:
    try:
        storage.put_file(key, LOG_FILE, file)
    except (StorageError, OSError) as problem:
        print(f"the log of {key} could not be kept: {problem}", file=sys.stderr)


def _waiting_line() -> bytes:
    """Return the last line of a task's log while what the task has yielded is run.

    By this line the task's next round knows that it continues the log. That may be in another
    process, but of the same parent.
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
