"""What a run knows of its tasks: luigid learns it from the run, so it need not be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import luigi

from datanectar.statuses import DONE, PENDING, RUNNING


@dataclass
class RunTasks:
    """The tasks of a run; everything is by Luigi's task id."""

    #: The tasks that the worker has scheduled.
    by_id: dict[str, luigi.Task] = field(default_factory=dict)
    #: The status that was last sent to luigid.
    statuses: dict[str, str] = field(default_factory=dict)
    #: Why a task failed: a text for :mod:`datanectar.reasons`.
    errors: dict[str, str] = field(default_factory=dict)
    #: Tasks for external data that did not exist when they were scheduled.
    missing: set[str] = field(default_factory=set)
    #: The first ``add_task`` call of each task, to schedule it again.
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: What each task requires, with what it has yielded.
    deps: dict[str, set[str]] = field(default_factory=dict)

    def note_scheduled(self, task_id: str, call: dict[str, Any]) -> None:
        """Note that a task is scheduled by this ``add_task`` call."""
        self.calls.setdefault(task_id, call)
        if call.get("deps") is not None:
            self.deps[task_id] = set(call["deps"])
        self.deps.setdefault(task_id, set()).update(call.get("new_deps") or ())
        if call.get("runnable") is False:  # an ExternalTask without output (worker.py ``_add``)
            self.missing.add(task_id)

    def is_runnable(self, task_id: str) -> bool:
        """Tell whether this run has scheduled the task to be run."""
        call = self.calls.get(task_id, {})
        return task_id in self.by_id and call.get("runnable", False) is not False

    def all_done(self) -> bool:
        """Tell whether there are tasks and all are done."""
        return bool(self.statuses) and all(status == DONE for status in self.statuses.values())

    def running(self) -> list[str]:
        """Return the tasks that run in this run's worker."""
        # Of a copy: the pinging thread asks as well.
        return [task_id for task_id, status in dict(self.statuses).items() if status == RUNNING]

    def was_dropped(self, task_id: str) -> bool:
        """Tell whether a dependency that this run found missing is still missing."""
        if self.statuses.get(task_id) != PENDING or task_id not in self.calls:
            return False
        try:
            return not self.by_id[task_id].complete()
        except Exception:  # an author's complete(); the task that requires it will call it again
            return False

    def held_by_resources(self) -> Iterator[str]:
        """Yield the tasks that wait for nothing but resources."""
        for task_id, call in list(self.calls.items()):
            if (
                self.statuses.get(task_id) == PENDING
                and call.get("resources")
                and all(self.statuses.get(dep) == DONE for dep in self.deps[task_id])
            ):
                yield task_id
