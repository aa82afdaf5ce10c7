"""The task graph of a run, merged from its child's reports."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from datanectar.messages import TaskReport
from datanectar.statuses import RUNNING

#: Tasks of a run that are recorded at most, and characters about them all.
MOST_TASKS = 100_000
_MOST_CHARACTERS = 64_000_000

#: Fields whose items a task may report in several pieces.
_ADDED_UP = ("requires", "results")


class TaskGraph:
    """What is known of each task of a run, and which tasks are still to be stored.

    It is bounded: a run that reports without end must not fill its worker's memory.

    Args:
        most_tasks: how many tasks it holds.
        most_characters: how many characters of text it holds, about.
        on_change: is told what was known of a task before a report, and what is known by it.
    """

    def __init__(
        self,
        most_tasks: int = MOST_TASKS,
        most_characters: int = _MOST_CHARACTERS,
        on_change: Callable[[TaskReport | None, TaskReport], object] = lambda *_: None,
    ) -> None:
        self._on_change = on_change
        self._tasks: dict[str, TaskReport] = {}
        self._changed: set[str] = set()
        self._most_tasks = most_tasks
        self._room = most_characters

    def add(self, report: TaskReport) -> bool:
        """Merge a report into what is known of its task; return False if there is no room for it."""
        known = self._tasks.get(report.task_id)
        if known is None and len(self._tasks) >= self._most_tasks:
            return False
        merged = report if known is None else _merge(known, report)
        room = self._room + (_size(known) if known else 0) - _size(merged)
        if room < 0:
            return False
        self._room = room
        self._tasks[report.task_id] = merged
        self._changed.add(report.task_id)
        self._on_change(known, merged)
        return True

    def take_changed(self) -> list[TaskReport]:
        """Return the tasks that changed since the last call."""
        changed, self._changed = self._changed, set()
        return [self._tasks[task_id] for task_id in changed]

    def put_back(self, reports: list[TaskReport]) -> None:
        """Count these as changed again: they could not be stored."""
        self._changed.update(report.task_id for report in reports)

    def running(self) -> list[TaskReport]:
        """Return the tasks that run now."""
        return [task for task in self._tasks.values() if task.status == RUNNING]

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks


def _merge(known: TaskReport, report: TaskReport) -> TaskReport:
    """Return what is known with a report's news: lists and CPU time add up, of memory the peak
    stays, other fields are replaced.
    """
    news = {name: value for name, value in structs.asdict(report).items() if value is not None}
    for name in _ADDED_UP:
        if more := getattr(report, name):
            news[name] = list(dict.fromkeys([*(getattr(known, name) or ()), *more]))
    if report.cpu_time is not None:
        news["cpu_time"] = report.cpu_time + (known.cpu_time or 0.0)
    if report.peak_memory is not None:
        news["peak_memory"] = max(report.peak_memory, known.peak_memory or 0)
    return structs.replace(known, **news)


def _size(report: TaskReport) -> int:
    """Return about how many characters a report holds."""
    values = [*structs.asdict(report).values(), *(report.params or {}).values()]
    texts = sum(len(value) for value in values if isinstance(value, str))
    return texts + sum(sum(map(len, value)) for value in values if isinstance(value, list))
