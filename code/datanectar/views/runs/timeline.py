"""The rows of a run's table: its tasks, each with a bar for its time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from datanectar.runs.records import Run, TaskRow
from datanectar.statuses import ACTIVE, DISABLED, FAILED, PENDING, RUNNING

#: The most rows that are shown.
MOST_ROWS = 200
#: When not all are shown, tasks with these statuses are chosen first.
_URGENT = {FAILED: 0, DISABLED: 0, RUNNING: 1}


@dataclass(frozen=True)
class Row:
    """A task, its duration in seconds, and its bar: begin and length in percent of the run."""

    task: TaskRow
    seconds: float | None
    begin: float
    length: float


def rows(run: Run, tasks: list[TaskRow], now: float | None = None) -> list[Row]:
    """Return the tasks in order of their start, those that have not begun last.

    At most :data:`MOST_ROWS`; failed and running tasks are chosen first.
    """
    now = time.time() if now is None else now
    shown = sorted(tasks, key=lambda task: (_URGENT.get(task.status, 2), task.task_id))[:MOST_ROWS]
    starts = [task.started for task in tasks if task.started]
    begin = min(starts, default=run.created)
    ends = [task.finished for task in tasks if task.finished]
    end = now if run.status in ACTIVE else max([run.finished or begin, *ends])
    span = max(end - begin, 0.001)
    shown.sort(key=lambda task: (task.started is None, task.started or 0.0, task.task_id))
    return [_row(task, begin, span, end) for task in shown]


def _row(task: TaskRow, begin: float, span: float, end: float) -> Row:
    if task.started is None or task.status == PENDING:
        return Row(task, None, 0, 0)
    seconds = max(0.0, (task.finished or end) - task.started)
    at = min(max(0.0, 100 * (task.started - begin) / span), 99.5)
    return Row(task, seconds, round(at, 2), round(max(0.5, min(100 * seconds / span, 100 - at)), 2))
