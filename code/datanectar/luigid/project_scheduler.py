"""Luigi's scheduler with a project's resources, and with several tasks in one reply."""

from __future__ import annotations

import configparser
import heapq
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from luigi.configuration import LuigiConfigParser
from luigi.scheduler import PENDING, RUNNING, Scheduler, rpc_method

#: Seconds between checks of the files with the project's resources.
_CHECK_INTERVAL = 1.0

_logger = logging.getLogger("luigi.scheduler")


class ProjectScheduler(Scheduler):
    """Luigi's scheduler, with the current ``[resources]`` of the project's files.

    Args:
        files: Luigi's configuration files; a later one overrides an earlier one.
    """

    def __init__(self, files: list[Path]) -> None:
        super().__init__()
        self._resources: dict[str, int] = dict(self._resources or {})
        self._files = files
        self._own = dict(self._resources)
        self._versions: list[Any] = []
        self._checked_at = float("-inf")
        self._update_resources()

    def get_work(self, most: int = 1, **call: Any) -> Any:
        """Return work for a worker (luigi/scheduler.py ``Scheduler.get_work``).

        Luigi goes through all tasks of the worker for each task that it gives. A worker that asks
        for up to ``most`` gets others of the same priority with it, as ``more_task_ids``, if they
        could be run now and nothing but their order decides: no resources, no batches, nothing of
        a higher priority.
        """
        self._update_resources()
        reply = super().get_work(**call)
        if most > 1 and reply["task_id"] is not None:
            others = list(self._others(call["worker"], reply["task_id"]))
            for task in (more := heapq.nlargest(most - 1, others, key=self._rank)):
                self._give(task, call["worker"], call.get("host"))
            reply["more_task_ids"] = [task.id for task in more]
        return reply

    def _others(self, worker_id: str, given: str) -> Iterator[Any]:
        """Yield the tasks that a worker may get beside the one that it was given."""
        worker, first = self._state.get_worker(worker_id), self._state.get_task(given)
        pending = list(worker.get_tasks(self._state, PENDING))
        if worker.assistant or any(
            task.resources or task.priority > first.priority for task in [first, *pending]
        ):
            return
        for task in pending:
            is_equal = task.priority == first.priority and not task.is_batchable()
            if is_equal and worker_id in task.workers and self._schedulable(task):
                yield task

    def _give(self, task: Any, worker_id: str, host: str | None) -> None:
        """Give a task to a worker, as ``Scheduler.get_work`` does at its end."""
        self.update_metrics_task_started(task)
        self._state.set_status(task, RUNNING, self._config)
        task.worker_running = worker_id
        task.resources_running = task.resources.copy()
        task.time_running = time.time()
        self._update_task_history(task, RUNNING, host=host)

    @rpc_method()  # type: ignore[untyped-decorator]
    def give_back(self, worker: str, task_ids: list[str]) -> None:
        """Let tasks be PENDING again that a worker got and has not begun."""
        for task in map(self._state.get_task, task_ids):
            if task is not None and task.status == RUNNING and task.worker_running == worker:
                self._state.set_status(task, PENDING, self._config)

    def resource_list(self) -> Any:
        """Return the resources there are (luigi/scheduler.py ``Scheduler.resource_list``)."""
        self._update_resources()
        return super().resource_list()

    def _update_resources(self) -> None:
        if time.monotonic() - self._checked_at < _CHECK_INTERVAL:
            return
        self._checked_at = time.monotonic()
        versions = [_version(file) for file in self._files]
        if versions != self._versions:
            self._versions = versions
            try:
                self._resources = {**self._own, **_resources_in(self._files)}
            except (configparser.Error, ValueError, OSError) as problem:
                _logger.error("[resources] can't be read, and stay as they were: %s", problem)


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _resources_in(files: list[Path]) -> dict[str, int]:
    parser = LuigiConfigParser()
    parser.read([str(file) for file in files])
    return dict(parser.getintdict("resources"))
