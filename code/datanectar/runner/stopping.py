"""How a task is asked to end: SIGTERM raises an exception where the task is just then.

So ``finally``, ``with`` and ``on_failure`` run before the process is killed.
"""

from __future__ import annotations

import os
import signal
from typing import Any


class TaskStopped(BaseException):
    """A task was asked to end. It is no ``Exception``: ``except Exception`` lets it pass."""


def end_when_asked() -> None:
    """Have SIGTERM raise :class:`TaskStopped` in this process; in what it forks, SIGTERM kills."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(*_: Any) -> None:
    # Once: what cleans up is not interrupted. A program that is started then has the default.
    signal.signal(signal.SIGTERM, _ignore)
    raise TaskStopped("the task was asked to end (SIGTERM)")


def _ignore(*_: Any) -> None:
    pass


def _kill_when_asked() -> None:
    if signal.getsignal(signal.SIGTERM) in (_raise, _ignore):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_kill_when_asked)
