"""The log of the service: where each process writes it, and in which format.

A task's own output is no part of it: that is in the task's ``log``.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from types import TracebackType
from typing import Any, TextIO

from datanectar.telemetry.context import log_fields

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)

#: What happens when all is well: requests, and the begin and end of runs and tasks. It is written
#: in JSON alone: the text is for a person, and has what needs attention.
EVENTS = logging.getLogger("datanectar.events")

#: Loggers whose warnings a run's process writes into the service's log.
_OF_CHILD = ("datanectar", "luigi-interface")


def set_up(process: str, form: str, *, others: int = logging.WARNING) -> None:
    """Write what this process logs to standard error.

    Args:
        process: what the process is: ``web``, ``worker``, ``luigid``, ``up``.
        form: one of :data:`FORMATS`.
        others: the level from which lines of other packages are written.
    """
    root = logging.getLogger()
    root.handlers = [_handler(process, form, sys.stderr)]
    root.setLevel(others)
    logging.getLogger("datanectar").setLevel(logging.INFO)
    EVENTS.setLevel(logging.INFO if form == JSON else logging.WARNING)
    if form == JSON:
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_of_thread


def set_up_child(form: str) -> None:
    """Write the warnings of a run's process into the service's log, too, if that is JSON.

    Call it before standard error becomes the log of the run.
    """
    if form != JSON:
        return
    stream = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    handler = _handler("child", form, stream)
    handler.setLevel(logging.WARNING)
    for name in _OF_CHILD:
        logging.getLogger(name).addHandler(handler)


def _handler(process: str, form: str, stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_json_formatter(process) if form == JSON else _text_formatter())
    return handler


def _text_formatter() -> logging.Formatter:
    line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    return logging.Formatter(line, datefmt="%Y-%m-%d %H:%M:%S%z")


def _json_formatter(process: str) -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter  # only where it is asked for

    host = socket.gethostname()

    class Formatter(JsonFormatter):
        """Adds the fields of the present work to each line."""

        def add_fields(
            self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
        ) -> None:
            super().add_fields(log_data, record, message_dict)
            own = {"process": process, "host": host, **log_fields()}
            log_data.update({name: own[name] for name in own.keys() - log_data.keys()})

    names = {"levelname": "level", "name": "logger", "process": "pid"}
    return Formatter(
        ["levelname", "name", "message", "process"], rename_fields=names, timestamp="time"
    )


def _log_uncaught(
    kind: type[BaseException], problem: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, problem, trace)
    else:
        logging.getLogger(__name__).critical(
            "The process ends by an error.", exc_info=(kind, problem, trace)
        )


def _log_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        logging.getLogger(__name__).critical(
            "The thread %s ends by an error.",
            ended.thread.name if ended.thread else "?",
            exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback),
        )
