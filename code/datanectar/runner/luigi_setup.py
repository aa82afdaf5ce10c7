"""Luigi's and logging's settings in a process that runs tasks."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import sys
import time
import warnings
from functools import lru_cache
from typing import Any

import luigi
from luigi.task_register import Register

from datanectar.catalog.chain_environment import configure_core
from datanectar.parameters.visibility import task_in_words


@lru_cache(maxsize=1)
def configure_luigi() -> None:
    """Set Luigi up for runs, once in a process: children inherit it from the fork server."""
    # The start method is named, since its default changes with Python's version. Under fork, a
    # chain's tasks need not be picklable.
    multiprocessing.set_start_method("fork", force=True)
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    luigi.worker.load_task = _load_task
    configure_core()
    logger = logging.getLogger("luigi-interface")
    logger.handlers = [_handler("%(asctime)s %(levelname)s %(message)s")]
    logger.propagate = False
    logger.setLevel(logging.INFO)
    # A run may build several times; Luigi's worker would log each time that it shuts down.
    logger.addFilter(lambda record: "Shutting down Keep-Alive" not in str(record.msg))
    _log_what_tasks_log()
    luigi.Task.__repr__ = task_in_words  # which Luigi logs: private parameters must not show


def _load_task(module: str | None, task_name: str, params_str: dict[str, Any]) -> luigi.Task:
    """Return a task by name, as ``luigi.task_register.load_task`` does, but of this very module.

    Luigi looks by the family alone, and two chains in one process may each have a class of a name.
    """
    if module is not None:
        importlib.import_module(module)
    of_module = [cls for cls in Register._reg if cls.__module__ == module]
    named = [cls for cls in of_module if cls.get_task_family() == task_name]
    cls = named[-1] if named else Register.get_task_cls(task_name)
    return cls.from_str_params(params_str)


def _log_what_tasks_log() -> None:
    """Write what tasks and libraries log to the log, until a chain has a handler of its own."""
    handler = _handler("%(asctime)s %(levelname)s %(name)s: %(message)s")
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
        moment = time.localtime(record.created)
        clock = time.strftime(datefmt or self.default_time_format, moment)
        return f"{clock},{int(record.msecs):03d}{time.strftime('%z', moment)}"


def _handler(form: str) -> logging.StreamHandler[Any]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ZonedFormatter(form))
    return handler
