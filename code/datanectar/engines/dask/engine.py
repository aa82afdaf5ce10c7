"""The engine of a run whose tasks run on a Dask cluster: its side in the run's child.

Each ready task is one future of Dask's, which places it. What the task says comes as events of the
scheduler's, in order, and so does its end: a result that lay on a worker would be lost with it.
"""

from __future__ import annotations

import json
import logging
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import luigi
from msgspec import structs

from datanectar.attempt_files import begun_marker
from datanectar.engines.dask import leases, run_cluster
from datanectar.engines.dask.execution import DaskExecution
from datanectar.engines.dask.messages import (
    ROOM,
    Order,
    TaskBegun,
    TaskCall,
    TaskEnd,
    TaskJob,
    TaskRef,
)
from datanectar.engines.dask.needs import missing
from datanectar.engines.dask.relay import RELAYED
from datanectar.errors import EngineLost
from datanectar.messages import RunJob, TaskReport, decode, encode
from datanectar.settings import current
from datanectar.statuses import FAILED, PENDING, RUNNING
from datanectar.util.identity import key_of

log = logging.getLogger("luigi-interface")

#: Events of how many runs share a topic, about: the scheduler keeps the last events of each.
_TOPICS = 64
#: Seconds between two looks at the workers, while tasks wait.
_LOOK = 2.0
#: The state of a future whose scheduler is gone (distributed/client.py ``FutureState``).
_LOST = ("lost", "cancelled")
#: Variables of the run's host that count on the workers as well.
_SENT = (
    "ENV", "PROJECT_BUCKET", "DATANECTAR_LOCAL_TARGETS", "DATANECTAR_LOG_SHIP_INTERVAL",
    "DATANECTAR_PRELOAD",
)  # fmt: skip

Send = Callable[[Any], None]


class DaskEngine:
    """Runs tasks of one attempt at a run on a cluster. It connects when it gets the first one.

    Args:
        job: the run.
        root: the id of the root task, for messages about the run as a whole.
        send: takes reports for the run's parent.
        make: makes a task of a reference.
    """

    def __init__(
        self, job: RunJob, root: str, send: Send, make: Callable[[TaskRef], luigi.Task]
    ) -> None:
        self._job = job
        # An assisting attempt is a run of its own here.
        self._name = f"{job.run_id}.{job.assistant}" if job.assistant else job.run_id
        self._root = root
        self._send = send
        self._make = make
        self._client: Any = None
        self._scheduler: Any = None
        self._put: Callable[[str, Any], None]
        self._executions: dict[str, DaskExecution] = {}
        self._looked = 0.0
        self._is_lost = False
        self._lost: list[str] = []
        self._submitted = 0

    def open(self, put: Callable[[str, Any], None], scheduler: Any) -> None:
        """Begin to serve a worker; see :class:`~datanectar.engines.base.Engine`."""
        self._put, self._scheduler = put, scheduler
        self._executions.clear()

    def execution(self, task: luigi.Task) -> DaskExecution:
        """Return the execution of a task; not started."""
        return DaskExecution(task, self)

    def running(self) -> int:
        """Return how many tasks have been started and have not ended."""
        return len(self._executions)

    def close(self) -> None:
        """Cancel what still runs, and leave the cluster."""
        if self._client is None:
            return
        if self._is_lost:  # a request would wait for a scheduler that is gone
            for task_id in self._lost:  # what luigid was told of them is no error of theirs
                self._report(task_id, status=PENDING, error="", traceback="", message="")
            return
        for execution in list(self._executions.values()):
            execution.terminate()
        try:
            self._client.set_metadata([ROOM, self._name], None)
        except Exception as problem:  # the scheduler may be gone
            log.warning("The Dask cluster keeps what it knew of this run: %s", problem)
        self._client.close(timeout=2)

    # --- tasks -------------------------------------------------------------------------------

    def submit(self, execution: DaskExecution, job: TaskJob, encoded: bytes) -> Any:
        """Return the future of a task."""
        # It imports what only a Dask worker needs: no other run shall have it.
        from datanectar.engines.dask.on_worker import run_order

        if self._client is None:
            self._connect()
        if self._client.status != "running":
            self._lose()
        self._executions[job.task_id] = execution
        self._submitted += 1
        order = Order(
            encoded, self._topic, self._job.attempt, self._code, self._sent, current().max_attempts
        )
        future = self._client.submit(
            run_order,
            order,
            key=f"{job.family}-{self._name}-{self._job.attempt}-{self._submitted}",
            resources=execution.needs or None,
            priority=execution.priority,
            pure=False,
        )
        waits = "waits for its turn at Dask"
        self._report(job.task_id, status=PENDING, message=waits, runs_on="dask")
        future.add_done_callback(lambda done: self._put(job.task_id, done.key))
        return future

    def cancel(self, execution: DaskExecution) -> None:
        """End a task at the cluster, if that is there."""
        self.forget(execution.task.task_id)
        if execution.future is not None and not self._is_lost:
            execution.future.cancel(force=True)

    def fail(self, execution: DaskExecution, reason: str) -> None:
        """Have a task fail that was not run to its end."""
        task_id = execution.task.task_id
        self._executions[task_id] = execution
        self._put(task_id, encode(TaskEnd(FAILED, reason)))

    def job_of(self, fields: dict[str, Any]) -> TaskJob:
        """Return the job of a task of this run."""
        run = {
            name: getattr(self._job, name) for name in ("type", "chain", "run_time", "traceparent")
        }
        return TaskJob(run_id=self._name, **run, **fields)

    def forget(self, task_id: str) -> None:
        """Say that a task has ended."""
        self._executions.pop(task_id, None)

    # --- the cluster -------------------------------------------------------------------------

    def _connect(self) -> None:
        """Connect, and begin to hear what tasks say."""
        environ = current().environ()
        self._sent = {name: environ[name] for name in _SENT}
        self._topic = f"{ROOM}-{zlib.crc32(self._name.encode()) % _TOPICS}"
        self._client = run_cluster.connect(partial(self._report, self._root))
        self._client.subscribe_topic(self._topic, self._on_event)
        self._code = run_cluster.prepare(self._client, self._name, self._job.attempt)

    # --- what comes back ---------------------------------------------------------------------

    def _on_event(self, event: tuple[float, Any]) -> None:
        """Take an event of the cluster's, in the client's thread."""
        run_id, attempt, task_id, line = event[1]
        if (run_id, attempt) == (self._name, self._job.attempt):
            self._put(task_id, line)

    def take(self, task_id: str, news: Any) -> tuple[Any, ...] | None:
        """Take what came from a task; return its end as Luigi's worker reads it, once.

        Args:
            task_id: the task's id.
            news: an encoded message, or the key of its future, which is done.
        """
        execution = self._executions.get(task_id)
        if execution is None:
            return None
        if not isinstance(news, bytes) and execution.was_interrupted():
            execution.start()
            return None
        message = decode(news) if isinstance(news, bytes) else execution.end_without_word()
        if isinstance(message, TaskEnd):
            self.forget(task_id)
            return execution.end(message)
        if isinstance(message, TaskBegun):
            self._note_begin(execution, message)
        elif isinstance(message, TaskCall) and message.method in RELAYED:
            self._call(message)
        return None

    def _note_begin(self, execution: DaskExecution, begun: TaskBegun) -> None:
        execution.begun_on = begun.worker
        again = f"begun for the {begun.time}. time: its Dask worker was lost"
        self._report(
            execution.task.task_id,
            status=RUNNING,
            started=time.time(),
            message=again if begun.time > 1 else "",
            runs_on=f"dask {begun.worker}",
            tracking_url=self._client.dashboard_link,
        )

    def _call(self, call: TaskCall) -> None:
        arguments = dict(call.arguments)
        if "log_number" in arguments:  # its log is begun, though not on this host
            key = key_of(self._executions[arguments["task_id"]].task)
            begun_marker(Path(self._job.attempt_dir), key).touch(0o600)
        if "found" in arguments:
            arguments["found"] = self._make(TaskRef(**arguments["found"]))
        getattr(self._scheduler, call.method)(**arguments)

    def _report(self, task_id: str, **news: Any) -> None:
        self._send(structs.replace(TaskReport(task_id), **news))

    # --- looking after it --------------------------------------------------------------------

    def check(self) -> None:
        """Look whether the scheduler is there, and what tasks wait for.

        Raises:
            EngineLost: when the scheduler is gone, once nothing of the run runs at its workers.
        """
        if self._client is None or time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        futures = [each.future for each in self._executions.values() if each.future is not None]
        if any(future.status in _LOST for future in futures):
            self._lose()
        waiting = [each for each in self._executions.values() if not each.begun_on]
        if waiting:
            self._look_at_needs(waiting)

    def _lose(self) -> None:
        """Give up the attempt, once nothing of it runs any more at workers that are cut off."""
        self._is_lost, self._lost = True, list(self._executions)
        time.sleep(leases.OVER)
        address = current().dask_scheduler or "this host"
        raise EngineLost(f"Dask's scheduler at {address} was lost, and with it what ran there.")

    def _look_at_needs(self, waiting: list[DaskExecution]) -> None:
        """Say of each task that waits whether any worker could run it; fail those without hope."""
        workers = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        found: dict[str, str | None] = {}
        for execution in waiting:
            needed = json.dumps(execution.needs, sort_keys=True)
            if needed not in found:
                found[needed] = missing(execution.needs, workers.values())
            why, patience = found[needed], current().dask_patience
            if execution.waits_in_vain(why, patience):
                why = f"It found no worker within {patience:g} s: it waits for {why}."
                self.fail(execution, why)
            elif why != execution.told:
                execution.told = why
                words = f"waits for {why}" if why else "waits for its turn at Dask"
                self._report(execution.task.task_id, message=words)
