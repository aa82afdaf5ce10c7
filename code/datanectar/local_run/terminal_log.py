"""A task's log in a run at a terminal: what the task writes is in the log, and seen as well."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import luigi

from datanectar.attempt_files import ATTEMPT_VARIABLE
from datanectar.errors import DatanectarError
from datanectar.forkserver.process_control import die_with_parent
from datanectar.keys import digest
from datanectar.util.identity import key_of
from datanectar.util.tasklog import recording


@contextlib.contextmanager
def attempt_folder() -> Any:
    """Give, for the block, the folder in which the processes of this run note which logs they began."""
    with tempfile.TemporaryDirectory(prefix="datanectar-") as folder:
        os.environ[ATTEMPT_VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[ATTEMPT_VARIABLE]


def has_begun(name: str) -> bool:
    """Tell whether a task has begun its log in this run.

    Args:
        name: its key, or its id where it has no key.
    """
    return _marker(name).exists()


class TerminalLog:
    """Wraps the execution of one task: Luigi's ``[worker] task_process_context``.

    See luigi/worker.py ``ContextManagedTaskProcess``: it is entered in the process that runs the task.
    """

    def __init__(self, process: Any) -> None:
        self._task: luigi.Task = process.task
        self._apart = bool(process.use_multiprocessing)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> TerminalLog:
        if self._apart:
            die_with_parent(signal.SIGKILL)
            # multiprocessing has closed it (``util._close_stdin``), and breakpoint() reads from it.
            sys.stdin = open(0, closefd=False)
        name = _name(self._task)
        self._stack.enter_context(recording(self._task, continues=has_begun(name)))
        _marker(name).touch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, problem, trace)


def _name(task: luigi.Task) -> str:
    try:
        return str(key_of(task))
    except DatanectarError:  # it has no log either
        return str(task.task_id)


def _marker(name: str) -> Path:
    return Path(os.environ[ATTEMPT_VARIABLE], digest(name))
