"""The list of a run's tasks: filtered, sorted, in pages, each with a bar for its time."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datanectar.runs.records import Run, TaskRow
from datanectar.statuses import ACTIVE, CANCELLED, DISABLED, DONE, FAILED, PENDING, RUNNING
from datanectar.views.graph.drawing import element_id, natural, parameters_of, task_name

#: The number of rows on a page.
PAGE = 100
#: The order of statuses: in the list of their counts, and where the list begins.
ORDER = (FAILED, DISABLED, RUNNING, PENDING, DONE, CANCELLED)
#: The lengths of a time axis: these, times a power of ten, in seconds; the last is a minute.
_STEPS = (1, 2, 5, 10, 15, 30, 60)
_TICKS = 4


@dataclass(frozen=True)
class Row:
    """A task and its bar: begin and length in percent of the axis. ``seconds`` is None while it runs."""

    task: TaskRow
    element: str
    seconds: float | None
    begin: float
    length: float


@dataclass(frozen=True)
class TaskList:
    """One page of the tasks that match; ``counts`` has all tasks by status, ``ticks`` the axis.

    A tick is a place in percent and the seconds from the run's begin.
    """

    rows: list[Row]
    counts: dict[str, int]
    total: int
    number: int
    pages: int
    ticks: list[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    begin: float
    span: float

    def row(self, task: TaskRow, is_active: bool) -> Row:
        element = element_id("t", task.task_id)
        if task.started is None or task.status == PENDING:
            return Row(task, element, None, 0, 0)
        end = task.finished or (self.begin + self.span if is_active else task.started)
        seconds = None if task.finished is None else max(0.0, end - task.started)
        at = min(max(0.0, 100 * (task.started - self.begin) / self.span), 99.5)
        length = max(0.5, min(100 * (end - task.started) / self.span, 100 - at))
        return Row(task, element, seconds, round(at, 2), round(length, 2))


def task_list(
    run: Run, tasks: list[TaskRow], asked: Mapping[str, str], now: float | None = None
) -> TaskList:
    """Return the page of tasks that ``asked`` names.

    Args:
        asked: ``status``, ``family``, ``words`` (of name, parameters or error), ``sort`` (urgent,
            name, start, took, status) and ``page``; what is missing or unknown filters nothing.
    """
    matching = [task for task in tasks if _matches(task, asked)]
    sort = asked.get("sort", "")
    matching.sort(key=_SORTS.get(sort, _urgent), reverse=sort == "took")
    pages = max(1, -(-len(matching) // PAGE))
    number = asked.get("page", "1")
    current = min(max(1, int(number)), pages) if number.isdecimal() and len(number) < 7 else 1
    shown = matching[(current - 1) * PAGE : current * PAGE]
    counts = Counter(task.status for task in tasks)
    axis = _axis(run, tasks, time.time() if now is None else now)
    step = _nice(axis.span / _TICKS)
    ticks = [
        (100 * at * step / axis.span, at * step) for at in range(int(axis.span / step + 0.001))
    ]
    return TaskList(
        [axis.row(task, run.status in ACTIVE) for task in shown],
        {status: counts[status] for status in ORDER if counts[status]},
        len(matching),
        current,
        pages,
        ticks,
    )


def _matches(task: TaskRow, asked: Mapping[str, str]) -> bool:
    status, family, words = (asked.get(name, "") for name in ("status", "family", "words"))
    if (status and task.status != status.upper()) or (family and task.family != family):
        return False
    return not words or all(word in _text(task) for word in words.lower().split())


def _text(task: TaskRow) -> str:
    return f"{task_name(task)} {parameters_of(task)} {task.error or ''}".lower()


def _name(task: TaskRow) -> Any:
    return natural(f"{task_name(task)} {parameters_of(task)}")


def _start(task: TaskRow) -> Any:
    return (task.started is None, task.started or 0.0, _name(task))


def _urgent(task: TaskRow) -> Any:
    """Failed tasks first, then as they began: what is shown first seldom moves."""
    return (task.status not in (FAILED, DISABLED), _start(task))


def _took(task: TaskRow) -> Any:
    if task.started is None:
        return -1.0
    return (task.finished or math.inf) - task.started


def _status(task: TaskRow) -> Any:
    return (ORDER.index(task.status) if task.status in ORDER else len(ORDER), _name(task))


_SORTS: dict[str, Callable[[TaskRow], Any]] = {
    "name": _name,
    "start": _start,
    "took": _took,
    "status": _status,
}


def _axis(run: Run, tasks: list[TaskRow], now: float) -> _Axis:
    """Return the axis of the bars. While the run goes on it ends at a round time, so it seldom moves."""
    starts = [task.started for task in tasks if task.started]
    begin = min(starts, default=run.created)
    if run.status in ACTIVE:
        return _Axis(begin, _nice(max(now - begin, 1.0)))
    ends = [task.finished for task in tasks if task.finished]
    return _Axis(begin, max(max([run.finished or begin, *ends]) - begin, 0.001))


def _nice(seconds: float) -> float:
    """Return the next round number of seconds, minutes or hours."""
    unit = 3600.0 if seconds > 1800 else 60.0 if seconds > 30 else 1.0
    amount = seconds / unit
    power = 10 ** math.floor(math.log10(amount)) if amount < 1 or unit == 3600 else 1
    while True:
        for step in _STEPS:
            if step * power >= amount * 0.9999:
                return float(step * power * unit)
        power *= 60 if power == 1 and unit < 3600 else 10
