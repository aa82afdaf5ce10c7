"""The scheduler client of a run's Luigi worker."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import luigi

from datanectar.luigid.names import INTERRUPTED
from datanectar.rpc.batches import batch_task
from datanectar.rpc.client import PENDING_AT_ONCE, LuigidClient
from datanectar.rpc.reports import TaskReporter
from datanectar.rpc.resources import acceptable, shortage
from datanectar.rpc.retries import Retries
from datanectar.rpc.wire.replies import NO_WORK, failure_text
from datanectar.statuses import DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

#: Seconds between two pings of luigid.
PING_INTERVAL = 5.0
#: Seconds between two looks at the resources that tasks wait for.
_RESOURCES_INTERVAL = 1.0
#: The error of a task that its author has disabled.
_SWITCHED_OFF = "it is switched off: its class says `disabled = True`"


class RunScheduler(LuigidClient):
    """Sends luigid what the worker sends, and reports the same to the run's parent.

    Everything that luigid learns of a run it learns from the run's own worker. So statuses and graph
    are known here first, in ``tasks``. Where a method calls ``super()``, luigid alone is told.

    Args:
        url: luigid's address.
        send: takes reports for the parent.
        retry_delay: seconds until a failed task with ``retry_count`` above 1 is tried again.
        root: the id of the task that the run is for; None for runs that assist another.
        state: the folder that may hold luigid's token.
    """

    def __init__(
        self,
        url: str,
        send: Callable[[Any], None],
        retry_delay: float,
        root: str | None = None,
        state: Path | None = None,
    ) -> None:
        super().__init__(url, send, state)
        self._root = root
        #: Whether luigid has to forget what it knows of a task when that is scheduled.
        self.reset_tasks = False
        self._reports = TaskReporter(send, self.tasks)
        self._retries = Retries(retry_delay)
        self._scheduling_errors: dict[str, str] = {}
        #: Tasks that run in one go, by luigid's id of the batch, or by the id of the task that does them.
        self._batches: dict[str, list[str]] = {}
        self._found: set[tuple[str, str]] = set()
        self._resources_checked = float("-inf")

    # --- statuses ----------------------------------------------------------------------------

    def add_task(self, **call: Any) -> Any:
        """Send and report a task's status (luigi/scheduler.py ``add_task``)."""
        if "tracking_url" in call:
            return self._add_tracking_url(call)
        task_id, status = call["task_id"], call.get("status", PENDING)
        call = acceptable(call)
        if call.get("batch_id") in self._batches:
            self._batches[task_id] = self._batches.pop(call["batch_id"])
            # luigid would hold a failure of an equal batch against it, and give its tasks again.
            super().re_enable_task(task_id=task_id)
        if status == PENDING:
            call = self._schedule(task_id, call)
        elif status == DONE:
            self.tasks.missing.discard(task_id)
        elif status != RUNNING:
            self.tasks.errors[task_id] = self._error(task_id, status, call)
        self._set_status(task_id, status, call)
        batched = self._batches.pop(task_id, []) if status in (DONE, FAILED) else []
        for batched_id in batched:  # luigid does the same with them
            self._set_status(batched_id, status)
        if status == FAILED:
            self._plan_retries(batched or [task_id], call)
        reply = super().add_task(**call)
        if status == FAILED:
            self._enable_retries(task_id, batched or [task_id])
        return reply

    def _set_status(self, task_id: str, status: str, call: dict[str, Any] | None = None) -> None:
        self.tasks.statuses[task_id] = status
        self._reports.status(task_id, status, call or {})

    def _add_tracking_url(self, call: dict[str, Any]) -> Any:
        url = str(call["tracking_url"])
        self._reports.tracking_url(call["task_id"], url)
        if url.startswith(("http://", "https://")):  # luigid's page would run a javascript: link
            return super().add_task(**call)
        return None

    def _schedule(self, task_id: str, call: dict[str, Any]) -> dict[str, Any]:
        """Note what a task needs; return the call that has luigid schedule it at once."""
        self.return_hand()
        self.tasks.note_scheduled(task_id, call)
        is_running = self.tasks.statuses.get(task_id) == RUNNING
        if task_id in self.rejected or (self.reset_tasks and not is_running):
            self.rejected.discard(task_id)
            super().re_enable_task(task_id=task_id)
            return {**call, "status": PENDING_AT_ONCE}
        if task_id == self._root and task_id not in self.tasks.statuses:
            # The root is not complete, or this run would not exist: its result was dropped.
            return {**call, "status": PENDING_AT_ONCE}
        return call

    def _error(self, task_id: str, status: str, call: dict[str, Any]) -> str:
        """Return why a task failed or could not be scheduled."""
        task = self.tasks.by_id.get(task_id, task_id)
        if status == UNKNOWN:
            return self._scheduling_errors.get(str(task), status)
        if status == DISABLED:
            return f"{task}: {_SWITCHED_OFF}"
        return failure_text(call.get("expl"))

    def _plan_retries(self, failed: list[str], call: dict[str, Any]) -> None:
        allowed = (call.get("retry_policy_dict") or {}).get("retry_count", 1)
        for task_id in failed:
            if task_id in self.tasks.calls:
                self._retries.note_failure(task_id, allowed)

    def _enable_retries(self, task_id: str, failed: list[str]) -> None:
        """Have luigid give again what is to be retried: a task, or the tasks of a batch."""
        again = [failed_id for failed_id in failed if failed_id in self._retries]
        for failed_id in again:
            # luigid counts failures of earlier runs as well, and would have given up by now.
            super().re_enable_task(task_id=failed_id)
        if task_id not in failed and len(again) == len(failed):
            del self.tasks.errors[task_id]  # its tasks may be done in other batches

    def _retry_due_tasks(self, worker: str) -> None:
        """Schedule failed tasks on time; luigid itself would do so at its next prune, a minute on."""
        for task_id in self._retries.take_due():
            self.return_hand()
            super().add_task(**{**self.tasks.calls[task_id], "worker": worker})
            self._set_status(task_id, PENDING)

    def add_unschedulable(self, worker: str, task: luigi.Task, status: str, problem: str) -> None:
        """Send a task without its options, which luigid can't take.

        Args:
            worker: the worker's id.
            task: the task.
            status: DONE when the task is complete all the same, otherwise FAILED.
            problem: why the task fails.
        """
        self.tasks.by_id[task.task_id] = task
        if status != DONE:
            self._scheduling_errors[str(task)] = problem
            status = UNKNOWN
        call = {"task_id": task.task_id, "family": task.task_family, "runnable": False}
        self.add_task(worker=worker, status=status, **call)

    def announce_scheduling_failure(self, **call: Any) -> Any:
        """Keep why a task could not be scheduled: its ``complete()`` or ``requires()`` raised."""
        self._scheduling_errors[call["task_name"]] = failure_text(call.get("expl"))
        return super().announce_scheduling_failure(**call)

    def end_running_tasks(self, worker: str) -> None:
        """Let no task of this run be RUNNING at luigid, since the run ends; wait for luigid.

        Raises:
            SchedulerError: when luigid refuses, or is not luigid.
        """
        self.close_hand()
        end = {"status": FAILED, "runnable": False, "expl": "The run ended while this task ran."}
        for task_id in self.tasks.running():
            self.add_task(worker=worker, task_id=task_id, **end)
        self.flush()

    def merge_luigids_statuses(self, root: str) -> None:
        """Take over from luigid whether the root is done, and which tasks failed in other workers.

        A task that luigid calls FAILED waits for its retry. One whose worker was pruned has no
        error (scheduler.py ``fail_dead_worker_task``), and one whose process was stopped has an
        error that says so: these did not fail, and run again.
        """
        for task_id, known in self.dep_graph(task_id=root).items():
            if known.get("status") == DISABLED and task_id not in self.tasks.errors:
                error = self.fetch_error(task_id=task_id).get("error")
                if error and not failure_text(error).startswith(INTERRUPTED):
                    self.tasks.errors[task_id] = failure_text(error)
                    self.tasks.statuses[task_id] = FAILED
            elif task_id == root and known.get("status") == DONE:
                self.tasks.statuses[root] = DONE

    # --- work --------------------------------------------------------------------------------

    def get_work(self, **call: Any) -> Any:
        """Return luigid's reply with a task to run; without one, whether to wait for one."""
        self._retry_due_tasks(call["worker"])
        if self.tasks.all_done() and not call.get("current_tasks"):
            return dict(NO_WORK)  # luigid need not be asked
        work = super().get_work(**call)
        if work["task_id"] is not None:
            self.tasks.statuses[work["task_id"]] = RUNNING
            self._reports.started(work["task_id"])
        elif "batch_id" in work:
            self._batches[work["batch_id"]] = work["batch_task_ids"]
            for task_id in work["batch_task_ids"]:
                self._reports.started(task_id)
        else:
            self._check_resources(call["worker"])
            if not call.get("current_tasks") and not self._more_work_may_come(work):
                work["n_pending_tasks"] = 0  # Luigi's worker then ends, keep_alive or not
        return work

    def batch_task(self, ids: list[str]) -> luigi.Task:
        """Return the task that does these tasks of a batch in one go."""
        task = batch_task([self.tasks.by_id[task_id] for task_id in ids])
        self.names.add(task)
        self.tasks.by_id[task.task_id] = task
        return task

    def _more_work_may_come(self, work: dict[str, Any]) -> bool:
        """Tell whether another worker, a retry or a freed resource may bring more work."""
        return bool(self._retries or work["running_tasks"] or self._held_by_resources())

    def _held_by_resources(self) -> list[str]:
        batched = {task_id for ids in self._batches.values() for task_id in ids}
        return [task_id for task_id in self.tasks.held_by_resources() if task_id not in batched]

    def _check_resources(self, worker: str) -> None:
        """Report what tasks wait for; have those fail that would wait for ever."""
        held = self._held_by_resources()
        if not held or time.monotonic() - self._resources_checked < _RESOURCES_INTERVAL:
            return
        self._resources_checked = time.monotonic()
        listed = self.resource_list()
        for task_id in held:
            found = shortage(self.tasks.calls[task_id]["resources"], listed)
            if found is not None and found[1]:
                self._fail(worker, task_id, found[0])
            elif found is not None:
                self._reports.waits(task_id, found[0])

    def _fail(self, worker: str, task_id: str, why: str) -> None:
        """Have a task fail that was not run."""
        self.tasks.errors[task_id] = f"{self.tasks.by_id[task_id]} {why}"
        failed = {"status": FAILED, "runnable": False, "expl": json.dumps(why)}
        super().add_task(worker=worker, task_id=task_id, **failed)
        self._set_status(task_id, FAILED)

    def ping(self, **call: Any) -> Any:
        """Send a sign of life, and what runs here if luigid has forgotten it.

        A luigid that was killed comes back empty, and would give these tasks to another run.
        """
        for task_id in self.tasks.running():
            if task_id in self.tasks.calls and self.has_forgotten(task_id):
                again = {"worker": call["worker"], "status": RUNNING}
                super().add_task(**{**self.tasks.calls[task_id], **again})
        return super().ping(**call)

    # --- what tasks report -------------------------------------------------------------------

    def set_task_status_message(self, task_id: str, status_message: str) -> Any:
        """Report and send the message that a task sets on itself."""
        self._reports.message(task_id, str(status_message)[:500])
        return super().set_task_status_message(task_id, status_message)

    def set_task_progress_percentage(self, task_id: str, progress_percentage: int) -> Any:
        """Report and send the progress that a task sets on itself."""
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # not a number
            self._reports.progress(task_id, int(progress_percentage))
        return super().set_task_progress_percentage(
            task_id=task_id, progress_percentage=progress_percentage
        )

    def report(self, task_id: str, **news: Any) -> None:
        """Report what luigid need not know of a task: fields of a ``TaskReport``."""
        self._reports.news(task_id, **news)

    def report_found(self, task_id: str, found: luigi.Task) -> None:
        """Report a dependency that a task has yielded and that was complete already.

        Luigi's worker schedules only what is missing; luigid hears nothing of this one.
        """
        deps = self.tasks.calls.get(task_id, {}).get("deps") or ()
        if found.task_id in deps or (task_id, found.task_id) in self._found:
            return
        self._found.add((task_id, found.task_id))
        self._reports.requires(task_id, [found.task_id])
        if found.task_id not in self.tasks.statuses:
            self.tasks.by_id[found.task_id] = found
            self._set_status(found.task_id, DONE, {"family": found.task_family})
