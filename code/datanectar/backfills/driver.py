"""Drives backfills: starts the run of one item after another, as many at once as it may."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from datanectar.backfills.records import Backfill, Item
from datanectar.backfills.store import BackfillStore
from datanectar.errors import Conflict, DatanectarError, TooManyRuns, Unavailable
from datanectar.service.service import Service
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from datanectar.telemetry import traces

log = logging.getLogger(__name__)

#: Seconds between two looks for backfills while this worker drives none.
_LOOK = 1.0
#: Seconds for which a worker holds a backfill; it goes on holding it when half of them are over.
HOLD = 30.0


class Driver:
    """Starts the runs of backfills. Of several workers one holds a backfill; the others leave it alone.

    A run is stored in one transaction with the item that it is for. So whatever dies, and whoever
    goes on, an item has one run.

    Args:
        service: accepts and cancels the runs.
        worker: the worker's id.
        clock: returns seconds that only grow.
    """

    def __init__(
        self, service: Service, worker: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._store = BackfillStore(service.store.database)
        self._worker = worker
        self._clock = clock
        #: The backfills that this worker holds, and until when.
        self._held: dict[str, float] = {}
        self._next_look = 0.0

    def drive(self) -> None:
        """Take each backfill that this worker may hold one step further."""
        if not self._held and self._clock() < self._next_look:
            return
        self._next_look = self._clock() + _LOOK
        active = self._store.active()
        held = [backfill for backfill in active if self._hold(backfill)]
        self._held = {backfill.id: self._held[backfill.id] for backfill in held}
        for backfill in held:
            self._advance(backfill)

    def _hold(self, backfill: Backfill) -> bool:
        present = self._clock()
        if self._held.get(backfill.id, 0.0) - present > HOLD / 2:
            return True
        if not self._store.hold(backfill.id, self._worker, HOLD):
            return False
        self._held[backfill.id] = present + HOLD
        return True

    def _advance(self, backfill: Backfill) -> None:
        self._store.note_ends(backfill.id)
        running = self._store.items(backfill.id, RUNNING)
        if backfill.cancel_requested:
            for item in running:
                self._cancel(backfill, item)
        else:
            free = max(0, backfill.at_once - len(running))
            for item in self._store.items(backfill.id, PENDING, limit=free):
                if not self._start(backfill, item):
                    break
        if not self._store.items(backfill.id, PENDING, RUNNING, limit=1):
            self._store.finish(backfill.id)

    def _cancel(self, backfill: Backfill, item: Item) -> None:
        run = self._service.store.get(item.run_id or "")
        if run is not None and run.trigger != backfill.trigger:  # somebody else needs it
            self._store.leave(item)
        elif run is not None:
            self._service.cancel(run.id)

    def _start(self, backfill: Backfill, item: Item) -> bool:
        """Start an item's run; return False when no other can be started now."""
        try:
            settled = self._accept(backfill, item)
        except (TooManyRuns, Unavailable) as problem:
            log.warning("%s waits: %s", backfill.trigger, problem.message)
            return False
        except Conflict:  # it was cancelled, or another worker has started it
            return True
        except DatanectarError as problem:
            log.error("%s, %s: %s", backfill.trigger, item.params, problem.message)
            settled = replace(item, status=FAILED, error=problem.message)
        if settled is not None:
            self._store.settle(settled)
        return True

    def _accept(self, backfill: Backfill, item: Item) -> Item | None:
        """Have an item's task run; return what the item is by it, or None when that is noted."""
        about = {"datanectar.backfill.id": backfill.id}
        place = (backfill.type, backfill.chain, backfill.task)
        with traces.span(f"backfill {'/'.join(place)}", about, kind="producer"):
            accepted = self._service.accept(
                *place,
                {**backfill.params, **item.params},
                trigger=backfill.trigger,
                requested_by=backfill.requested_by,
                at=datetime.fromisoformat(backfill.run_time),
                on_new=partial(self._store.note_run, item),
            )
        if accepted.new:
            return None
        run_id = accepted.run.id if accepted.run else None
        known = replace(item, key=accepted.resolution.key, run_id=run_id, error=None)
        if accepted.done:
            return replace(known, status=DONE, was_there=True)
        return replace(known, status=RUNNING)  # on its way by another request
