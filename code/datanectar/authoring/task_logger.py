"""The logger of a task class, whose lines are in the task's log whoever runs the task."""

from __future__ import annotations

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def logger_of(cls: type) -> logging.Logger:
    """Return the class's logger, ``chains.<type>.<chain>.<Task>``; it logs from INFO on.

    In a run of the service the root logger writes to the task's log. Elsewhere nobody may have set
    up logging; Python then shows warnings alone (``logging.lastResort``), and without a time.
    """
    logger = logging.getLogger(f"{cls.__module__}.{cls.__qualname__}")
    if logger.getEffectiveLevel() == logging.root.level == logging.WARNING:
        logger.setLevel(logging.INFO)  # WARNING is the root's level until somebody chooses one
    if _last_resort_is_pythons() and not any(isinstance(h, _ToStderr) for h in logger.handlers):
        logger.addHandler(_ToStderr())
    return logger


def _last_resort_is_pythons() -> bool:
    """Tell whether lines below WARNING are lost without a handler; in a run they are not."""
    return logging.lastResort is None or logging.lastResort.level > logging.INFO


class _ToStderr(logging.Handler):
    """Writes to what ``sys.stderr`` is just then, as long as no other handler takes the line."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        logger = logging.getLogger(record.name)
        others = [handler for handler in logger.handlers if handler is not self]
        if others or (logger.parent and logger.parent.hasHandlers()):
            return
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)
