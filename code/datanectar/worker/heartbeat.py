"""The worker's heartbeat: renews its leases, and hears what is to be cancelled or was lost."""

from __future__ import annotations

import time
from collections.abc import Mapping

from datanectar.service.service import Service
from datanectar.statuses import RUNNING
from datanectar.worker.attempt import Attempt
from datanectar.worker.end_reason import Stop
from datanectar.worker.lease import Lease
from datanectar.worker.recovery import Recovery


class Heartbeat:
    """Keeps the runs that this worker holds, and its view of them, as the store has them.

    Args:
        service: the parts that the worker works with.
        worker: the worker's id.
        lease: the worker's; renewed by each beat.
        attempts: the attempts that are followed now, by name.
        recovery: takes back runs that nobody follows.
    """

    def __init__(
        self,
        service: Service,
        worker: str,
        lease: Lease,
        attempts: Mapping[str, Attempt],
        recovery: Recovery,
    ) -> None:
        self._store = service.store
        self._children = service.children
        self._seconds = service.settings.heartbeat_timeout
        self._worker = worker
        self._lease = lease
        self._attempts = attempts
        self._recovery = recovery
        self._unfollowed: frozenset[str] = frozenset()

    def beat(self) -> None:
        """Renew the leases, and end attempts at runs that are cancelled or lost."""
        attempts = dict(self._attempts)  # of before: the store may know others already
        began = time.monotonic()
        held = self._store.heartbeat(self._worker, self._seconds)
        self._lease.renew(began)
        self._children.live_until(self._lease.until)
        for name, attempt in attempts.items():
            if held.get(attempt.run.id):
                attempt.stop(Stop.CANCELLED)
            elif attempt.run.id not in held and name in self._attempts:
                self._stop_if_superseded(attempt)
        self._take_back_unfollowed(frozenset(held))

    def _stop_if_superseded(self, attempt: Attempt) -> None:
        run = self._store.get(attempt.run.id)
        held = run and run.status == RUNNING and attempt.fence == (run.id, run.attempt, run.owner)
        if not held:
            attempt.stop(Stop.SUPERSEDED)

    def _take_back_unfollowed(self, held: frozenset[str]) -> None:
        """Take back runs that this worker holds and no thread follows: theirs failed."""
        unfollowed = held - self._attempts.keys()
        for run_id in unfollowed & self._unfollowed:  # twice: it is not just being claimed
            run = self._store.get(run_id)
            if run is not None and run.owner == self._worker:
                reason = "its supervision failed; the worker's log says more"
                self._recovery.take_back(run, reason)
        self._unfollowed = unfollowed
