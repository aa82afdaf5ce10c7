"""When failed tasks are tried again within their run."""

from __future__ import annotations

import time


class Retries:
    """Counts the failures of tasks, by id, and keeps when each is due for its next try.

    Args:
        delay: seconds from a failure to the next try.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def note_failure(self, task_id: str, allowed: int) -> None:
        """Note a failure; plan the next try unless the task has failed ``allowed`` times."""
        self._failures[task_id] = self._failures.get(task_id, 0) + 1
        if self._failures[task_id] < allowed:
            self._due[task_id] = time.monotonic() + self._delay

    def take_due(self) -> list[str]:
        """Return the tasks whose time has come; they are no longer planned."""
        due = [task_id for task_id, at in self._due.items() if at <= time.monotonic()]
        for task_id in due:
            del self._due[task_id]
        return due

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._due

    def __bool__(self) -> bool:
        return bool(self._due)
