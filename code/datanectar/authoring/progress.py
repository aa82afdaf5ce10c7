"""How far a task is, sent to the scheduler, and not more often than somebody could look."""

from __future__ import annotations

import time
from typing import Any

import luigi

#: Seconds between two reports: each is a call of luigid and a row of the run store.
INTERVAL = 0.5
#: The attribute of a task that keeps when its progress was sent last, and whether all was done.
_SENT = "_datanectar_progress_sent"


def report(task: luigi.Task, done: float, of: float | None, message: str | None) -> None:
    """Send percentage and status message of a task, unless the last ones are too recent.

    The first report and the last one (``done`` has reached ``of``) are always sent. Without a
    scheduler, as when a test calls ``run()``, nothing is sent.

    Args:
        task: the task.
        done: how much is done.
        of: how much there is; None: unknown, so no percentage is sent.
        message: the status message; None: "<done> of <of>".
    """
    is_done = of is not None and done >= of
    moment, was_done = vars(task).get(_SENT, (float("-inf"), False))
    now = time.monotonic()
    if now - moment < INTERVAL and (was_done or not is_done):
        return
    vars(task)[_SENT] = now, is_done
    if of is not None:
        _send(task, "set_progress_percentage", percentage(done, of))
    text = f"{done:,}" if of is None else f"{done:,} of {of:,}"
    _send(task, "set_status_message", text if message is None else message)


def percentage(done: float, of: float) -> int:
    """Return the share that is done, from 0 to 100; of nothing, all is done."""
    return max(0, min(100, int(100 * done / of))) if of > 0 else 100


def _send(task: luigi.Task, method: str, value: Any) -> None:
    """Call what Luigi's worker puts on a task that it runs (luigi/worker.py ``TaskProcess``)."""
    call = getattr(task, method, None)
    if callable(call):
        call(value)
