"""Luigi's and logging's settings in a process that runs tasks."""

from __future__ import annotations

import contextlib
import copy
import importlib
import logging
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import luigi
from luigi.task_register import Register

from datanectar.catalog.chain_environment import configure_core
from datanectar.parameters.visibility import task_in_words

#: How the lines of Luigi's logger look.
_OF_LUIGI = "%(asctime)s %(levelname)s %(message)s"
#: How the lines of all loggers but Luigi's look.
_OF_ALL = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: What :func:`_configure` replaces, besides loggers.
_REPLACED = [
    (luigi.worker, "load_task"),
    (luigi.Task, "__repr__"),
    (logging, "lastResort"),
    (logging, "basicConfig"),
]


@lru_cache(maxsize=1)
def configure_luigi() -> None:
    """Set Luigi up for runs, once in a process: children inherit it from the fork server."""
    configure_core()
    _configure()


def _configure() -> None:
    # The start method is named, since its default changes with Python's version. Under fork, a
    # chain's tasks need not be picklable.
    multiprocessing.set_start_method("fork", force=True)
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    luigi.worker.load_task = _load_task
    logger = logging.getLogger("luigi-interface")
    logger.handlers = [_handler(_OF_LUIGI)]
    logger.propagate = False
    logger.setLevel(logging.INFO)
    # A run may build several times; Luigi's worker would log each time that it shuts down.
    logger.addFilter(lambda record: "Shutting down Keep-Alive" not in str(record.msg))
    _log_what_tasks_log()
    luigi.Task.__repr__ = task_in_words  # which Luigi logs: private parameters must not show


@contextlib.contextmanager
def luigi_configured() -> Iterator[None]:
    """Set Luigi up for the runs of the block, and undo it: in a process that is somebody else's.

    What tasks and libraries log goes to standard error, and so to the logs of tasks, as in a run.
    """
    start_method = multiprocessing.get_start_method(allow_none=True)
    root = logging.getLogger()
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        stack.callback(multiprocessing.set_start_method, start_method, force=True)
        for owner, name in _REPLACED:
            stack.callback(setattr, owner, name, getattr(owner, name))
        for logger in (root, logging.getLogger("luigi-interface")):
            stack.callback(logger.setLevel, logger.level)
            for name in ("handlers", "filters", "propagate"):
                stack.callback(setattr, logger, name, copy.copy(getattr(logger, name)))
        if not _shows(root):  # pytest, for one, has handlers that show nothing
            root.addHandler(_handler(_OF_ALL, _CurrentStderr()))
        _configure()
        logging.getLogger("luigi-interface").handlers = [_handler(_OF_LUIGI, _CurrentStderr())]
        yield


class _CurrentStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what is ``sys.stderr`` now: where that is no descriptor, a task's log replaces it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """The current standard error."""
        return sys.stderr


def _shows(logger: logging.Logger) -> bool:
    """Tell whether a logger writes to this process's standard output or error."""
    streams = [getattr(handler, "stream", None) for handler in logger.handlers]
    return any(stream in (sys.stdout, sys.stderr) for stream in streams if stream is not None)


def _load_task(module: str | None, task_name: str, params_str: dict[str, Any]) -> luigi.Task:
    """Return a task by name, as ``luigi.task_register.load_task`` does, but of this very module."""
    return task_class(module, task_name).from_str_params(params_str)


def task_class(module: str | None, task_name: str) -> Any:
    """Return a task class by its module and family.

    Luigi looks by the family alone, and two chains in one process may each have a class of a name.
    """
    if module is not None:
        importlib.import_module(module)
    of_module = [cls for cls in Register._reg if cls.__module__ == module]
    named = [cls for cls in of_module if cls.get_task_family() == task_name]
    return named[-1] if named else Register.get_task_cls(task_name)


def _log_what_tasks_log() -> None:
    """Write what tasks and libraries log to the log, until a chain has a handler of its own."""
    handler = _handler(_OF_ALL)
    configure, root = logging.basicConfig, logging.getLogger()

    def basic_config(**options: Any) -> None:  # logging.info() and its like call it as well
        if options or root.handlers:
            configure(**options)
        else:
            root.addHandler(handler)

    logging.lastResort = handler
    logging.basicConfig = basic_config
    root.setLevel(logging.INFO)


class ZonedFormatter(logging.Formatter):
    """Writes each record's time with its own UTC offset: the clocks may change while we live."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the record's time with milliseconds and offset."""
        clock, offset = _clock(int(record.created), datefmt or self.default_time_format)
        return f"{clock},{int(record.msecs):03d}{offset}"


@lru_cache(maxsize=1)
def _clock(second: int, form: str) -> tuple[str, str]:
    """Return a second as text, and its UTC offset: many records are of the same second."""
    moment = time.localtime(second)
    return time.strftime(form, moment), time.strftime("%z", moment)


def _handler(
    form: str, handler: logging.StreamHandler[Any] | None = None
) -> logging.StreamHandler[Any]:
    handler = handler or logging.StreamHandler(sys.stderr)
    handler.setFormatter(ZonedFormatter(form))
    return handler
