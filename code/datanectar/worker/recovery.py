"""Which runs are taken up again: those of workers that are lost, and those without a message."""

from __future__ import annotations

import contextlib
import logging
import time

from datanectar.attempt_files import attempt_folder, clear
from datanectar.luigid.names import worker_id
from datanectar.notifications.occasions import worker_lost
from datanectar.notifications.store import WebhookStore
from datanectar.queue import RUN_MESSAGE
from datanectar.runs.records import Run, WorkerRow
from datanectar.service.service import Service
from datanectar.statuses import PENDING
from datanectar.telemetry.counts import WORKERS_LOST, count
from datanectar.worker.lease import Lease
from datanectar.worker.orphans import is_alive, keep_logs, kill_leftover
from datanectar.worker.threads import safely

log = logging.getLogger(__name__)

#: Seconds between two searches.
INTERVAL = 2.0


class Recovery:
    """Finds runs that nobody works on, and queues them again.

    Args:
        service: the parts that the worker works with.
        worker: the worker's id.
        host: the set of processes whose pids this worker can look up.
        lease: the worker's; while it is not steady, no other worker is judged by its own.
    """

    def __init__(self, service: Service, worker: str, host: str, lease: Lease) -> None:
        self._settings = service.settings
        self._store = service.store
        self._webhooks = WebhookStore(service.store.database)
        #: Workers whose loss was told, each with its last heartbeat.
        self._told: set[tuple[str, float]] = set()
        self._queue = service.queue
        self._children = service.children
        self._luigid = service.luigid
        self._worker = worker
        self._host = host
        self._lease = lease

    def search(self) -> None:
        """Take back the runs of workers that died or whose leases ended, and send messages again."""
        here = self._store.workers(node=self._host)
        for worker in here:
            if not is_alive(worker.pid, worker.pid_started):
                safely(self._replace, worker)
        for run in self._store.expired() if self._lease.is_steady else ():
            if run.owner != self._worker:
                is_from_here = run.owner in [worker.id for worker in here]
                safely(self._take_over, run, is_from_here)
        if self._lease.is_steady:
            safely(self._tell_of_silent)
        self._send_again()

    def take_back(self, run: Run, reason: str, *, if_expired: bool = False) -> bool:
        """Take a run back from its owner, and queue it again unless it was its last attempt.

        Returns:
            False when it is no longer its owner's.
        """
        most = self._settings.max_attempts
        status = self._store.take_back(run, reason, most, if_expired=if_expired)
        if status is None:
            return False
        words = "run %s: %s; it is %s now"
        log.warning(words, run.id, reason, status, extra=run.log_fields)
        with contextlib.suppress(OSError):
            self._luigid.end_worker(worker_id(run.id), reason)
        if status == PENDING:
            self._queue.send(RUN_MESSAGE, run.id)
        return True

    def live_workers(self) -> list[WorkerRow]:
        """Return the workers, on any host, whose last heartbeat is recent by the store's clock."""
        workers = self._store.workers()
        latest = max((worker.heartbeat for worker in workers), default=0.0)
        since = latest - max(self._settings.heartbeat_timeout, 3 * INTERVAL)
        return [worker for worker in workers if worker.heartbeat >= since]

    def _replace(self, worker: WorkerRow) -> None:
        """Take back what a worker of this host held when it died, and forget it."""
        reason, is_done = f"worker {worker.id} died", True
        for run in self._store.held_by(worker.id):
            is_done &= safely(self._take_over, run, True, reason)
        if is_done:
            self._tell_of_lost(worker, reason)
            self._forget(worker)

    def _forget(self, worker: WorkerRow) -> None:
        if self._store.forget_worker(worker.id):  # by no other worker before
            count(WORKERS_LOST)

    def _tell_of_silent(self) -> None:
        """Tell webhooks of workers on other hosts whose heartbeats have ended."""
        live = {worker.id for worker in self.live_workers()}
        for worker in self._store.workers():
            if worker.id not in live and worker.node != self._host:
                self._tell_of_lost(worker, f"worker {worker.id} is silent")

    def _tell_of_lost(self, worker: WorkerRow, reason: str) -> None:
        if (worker.id, worker.heartbeat) not in self._told:
            self._webhooks.put(lambda: worker_lost(worker, reason))
            self._told.add((worker.id, worker.heartbeat))

    def _take_over(self, run: Run, is_from_here: bool, reason: str = "") -> None:
        """Take back a run from a worker that died, or whose lease ended if no reason is given."""
        attempt_dir = attempt_folder(self._settings.state, run.id, run.attempt)
        if is_from_here:
            kill_leftover(run, attempt_dir)
        # Before another attempt's log has that place. A log that fails must not keep the run.
        safely(keep_logs, self._children, attempt_dir, run)
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        lost = f"worker {run.owner} lost at {moment} UTC"
        if self.take_back(run, reason or lost, if_expired=not reason):
            clear(attempt_dir)

    def _send_again(self) -> None:
        """Send messages for PENDING runs that have none, as far as can be told.

        Each run has at least one message. When there are fewer, those of the runs that have waited
        longest were lost: the queue is first in, first out. No more are sent than are missing, so
        the queue does not grow by it.
        """
        missing = self._store.active_counts()[PENDING] - self._queue.size()
        if missing > 0:
            for run_id in self._store.waiting(missing, older_than_seconds=INTERVAL):
                self._queue.send(RUN_MESSAGE, run_id)
