"""What one worker of all does now and then: old history goes, and old results where a setting says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from datanectar.backfills.store import BackfillStore
from datanectar.errors import Conflict
from datanectar.retention.purge import Purge
from datanectar.retention.rules import LOGS, RESULTS, RUNS, PurgeRequest
from datanectar.retention.runs import OldRuns
from datanectar.retention.store import RetentionStore
from datanectar.service.service import Service
from datanectar.telemetry.counts import WORKERS_LOST, count

log = logging.getLogger(__name__)

#: Seconds between two looks at what is due, and between two clean-ups of the history.
INTERVAL = 60.0
_HISTORY_EVERY = 3600.0
#: Seconds for which one process does a chore and no other; it renews that while it goes on.
HOLD = 120.0
#: Seconds without a heartbeat after which a worker on another host is no longer listed.
_FORGET = 86_400.0

HISTORY, PURGE = "history", "purge"


class Upkeep:
    """The chores of workers: whichever comes first does what is due, the others find it done.

    Args:
        service: the parts that the worker works with.
        worker: the worker's id.
    """

    def __init__(self, service: Service, worker: str) -> None:
        self._service = service
        self._settings = service.settings
        self._store = RetentionStore(service.store.database)
        self._worker = worker

    def look(self) -> None:
        """Do what is due and nobody else does."""
        self._do(HISTORY, _HISTORY_EVERY, self._clear_history)
        if self._settings.purge_every:
            self._do(PURGE, self._settings.purge_every * 3600, self._purge)

    def _do(self, chore: str, every: float, work: Callable[[Callable[[], None]], None]) -> None:
        if not self._store.begin(chore, self._worker, HOLD, every):
            return
        done = False
        try:
            work(partial(keep_on, self._store, chore, self._worker))
            done = True
        finally:
            self._store.end(chore, self._worker, done=done)

    def _clear_history(self, renew: Callable[[], None]) -> None:
        """Delete what is old of the run store, and workers that were lost long ago."""
        for worker in self._service.store.workers():
            is_over = worker.heartbeat < time.time() - _FORGET
            # By no other worker before.
            if is_over and self._service.store.forget_worker(worker.id):
                count(WORKERS_LOST)
        purge = Purge(self._service, PurgeRequest((RUNS,)), renew=renew)
        old_runs = OldRuns(self._service.store.database)
        old_runs.purge(purge.run_limits, renew=renew)
        before = purge.run_limits.before
        if before is not None:
            old_runs.purge_fires(before)
            BackfillStore(self._service.store.database).purge(before)

    def _purge(self, renew: Callable[[], None]) -> None:
        """Delete the results and logs that are old by the rules."""
        report = Purge(self._service, PurgeRequest((RESULTS, LOGS)), renew=renew).carry_out()
        for row in report.rows.values():
            log.info("purged: %d %s of %s, %d bytes", row.count, row.what, row.place, row.size)
        for note in report.notes:
            log.warning("%s", note)


def keep_on(store: RetentionStore, chore: str, owner: str) -> None:
    """Renew the hold on a chore.

    Raises:
        Conflict: when another process has begun it: this one was silent for too long.
    """
    if not store.begin(chore, owner, HOLD):
        raise Conflict(f"Another process has begun the {chore}, so it ends here.")
