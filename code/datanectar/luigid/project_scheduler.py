"""Luigi's scheduler with a project's resources, and with several tasks in one reply."""

from __future__ import annotations

import configparser
import logging
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from luigi.configuration import LuigiConfigParser
from luigi.scheduler import DONE, PENDING, RUNNING, Scheduler, rpc_method

#: Seconds between checks of the files with the project's resources.
_CHECK_INTERVAL = 1.0
#: How many times as long as it took to find them tasks are kept for a worker. A task of the same
#: priority that can be run only now begins so much later.
_TIMES_THE_SEARCH = 20

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
        #: By worker: tasks that it may get next, the first one at the end, and until when.
        self._ready: dict[str, tuple[list[Any], float]] = {}
        self._update_resources()

    def get_work(self, most: int = 1, **call: Any) -> Any:
        """Return work for a worker (luigi/scheduler.py ``Scheduler.get_work``).

        Luigi goes through all tasks of the worker for each task that it gives. A worker that asks
        for up to ``most`` gets others of the same priority with it, as ``more_task_ids``, if they
        could be run now and nothing but their order decides: no resources, no batches, nothing of
        a higher priority. What more there is of these is kept for its next calls, for a while.
        """
        self._update_resources()
        if most == 1:
            return super().get_work(**call)
        worker_id, host = call["worker"], call.get("host")
        reply = self._reply_from_ready(call)
        if reply is None:
            began = time.monotonic()
            reply = super().get_work(**call)
            if reply["task_id"] is not None:
                others = sorted(self._others(worker_id, reply["task_id"]), key=self._rank)
                now = time.monotonic()
                self._ready[worker_id] = others, now + _TIMES_THE_SEARCH * (now - began)
        if reply["task_id"] is not None:
            more = islice(self._take_ready(worker_id, host), most - 1)
            reply["more_task_ids"] = [task.id for task in more]
        return reply

    def _reply_from_ready(self, call: dict[str, Any]) -> dict[str, Any] | None:
        """Return a reply with a task that is kept for the worker; None where Luigi has to look."""
        worker_id, current = call["worker"], set(call.get("current_tasks") or ())
        ready, until = self._ready.get(worker_id, ([], 0.0))
        if (
            time.monotonic() > until
            or self._paused
            or not self._state.get_worker(worker_id).enabled
        ):
            self._ready.pop(worker_id, None)
            return None
        running = self._state.get_active_tasks_by_status(RUNNING)
        if any(task.worker_running == worker_id and task.id not in current for task in running):
            return None  # it was given in a reply that got lost
        host = call.get("host")
        self._update_worker(worker_id, worker_reference={"host": host}, get_work=True)
        for task in self._take_ready(worker_id, host):
            counts = {"n_pending_tasks": len(ready) + 1, "n_unique_pending": len(ready) + 1}
            return {"task_id": task.id, "running_tasks": [], **counts}
        return None

    def _take_ready(self, worker_id: str, host: str | None) -> Iterator[Any]:
        """Give the worker the tasks that are kept for it, as they are asked for."""
        ready, _ = self._ready.get(worker_id, ([], 0.0))
        while ready:
            task = ready.pop()
            if self._state.get_task(task.id) is task and self._schedulable(task):
                self._give(task, worker_id, host)
                yield task
        self._ready.pop(worker_id, None)

    def prune(self) -> Any:
        """Forget workers that are gone (luigi/scheduler.py ``Scheduler.prune``)."""
        super().prune()
        known = {worker.id for worker in self._state.get_active_workers()}
        self._ready = {name: kept for name, kept in self._ready.items() if name in known}

    def add_task(self, **call: Any) -> Any:
        """Note a task's status (luigi/scheduler.py ``Scheduler.add_task``)."""
        if call.get("status", PENDING) not in (
            DONE,
            RUNNING,
        ):  # what comes next may be another task
            self._ready.pop(call.get("worker", ""), None)
        return super().add_task(**call)

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
        self._ready.pop(worker, None)
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
