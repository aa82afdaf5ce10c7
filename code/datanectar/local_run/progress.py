"""The tasks of a run at a terminal: a line for each that begins or ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datanectar.messages import TaskReport
from datanectar.statuses import ENDED, RUNNING


class Progress:
    """Takes the reports of a run (:class:`~datanectar.messages.TaskReport`) and prints lines.

    Args:
        write: prints one line.
        address_of: returns the address of the log of a key.
        root: the key of the run's own task, whose log is on the terminal anyway.
    """

    def __init__(
        self, write: Callable[[str], None], address_of: Callable[[str], str], root: str
    ) -> None:
        self._write = write
        self._address_of = address_of
        self._root = root
        self._statuses: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def __call__(self, report: Any) -> None:
        """Take a report; other records say nothing about a task's status."""
        if not isinstance(report, TaskReport) or report.status is None:
            return
        task_id, before = report.task_id, self._statuses.get(report.task_id)
        self._statuses[task_id] = report.status
        self._keys[task_id] = report.key or self._keys.get(task_id, "")
        self._names[task_id] = report.family or self._names.get(task_id, task_id)
        if report.status != before and report.status in (RUNNING, *ENDED):
            if len(self._statuses) > 1:
                self._write(self._line(task_id))

    def _line(self, task_id: str) -> str:
        statuses, key = self._statuses, self._keys[task_id]
        ended = sum(status in ENDED for status in statuses.values())
        name = self._names[task_id].rpartition(".")[2]
        line = f"[{ended}/{len(statuses)}] {statuses[task_id]} {name}"
        has_log = statuses[task_id] in ENDED and key and key != self._root
        return f"{line}  {self._address_of(key)}" if has_log else line
