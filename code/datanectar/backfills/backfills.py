"""What the API, the pages and the command line may ask for about backfills."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datanectar.backfills.records import Backfill, Counts, Item
from datanectar.backfills.store import BackfillStore
from datanectar.errors import BadRequest, Conflict, NotFound
from datanectar.keys import run_time_text
from datanectar.messages.plans import Plan, PlanJob, PlannedItem
from datanectar.runs.ids import made_at, new_id
from datanectar.service.service import Service
from datanectar.statuses import DONE, PENDING, RUNNING

#: How many runs of a backfill go on at a time, if the request does not say; and the most.
AT_ONCE, MOST_AT_ONCE = 4, 1000
#: Seconds that the look for what is missing may take, beyond those of the chain's import.
_LOOK_SECONDS = 30.0


@dataclass(frozen=True)
class BackfillRequest:
    """What a backfill is asked for.

    ``over`` has several values by name of a parameter, see
    :func:`~datanectar.parameters.ranges.texts_over`; ``params`` those of the other parameters, as in
    the request of a run.
    """

    type: str
    chain: str
    task: str
    over: dict[str, Any]
    params: dict[str, Any]
    at_once: int = AT_ONCE


class Backfills:
    """Makes, finds and changes backfills.

    Args:
        service: lists the tasks, accepts the runs.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.store = BackfillStore(service.store.database)

    def plan(self, request: BackfillRequest, run_time: str | None = None) -> list[PlannedItem]:
        """Return the tasks that a backfill would be for, and which are done; starts nothing.

        Raises:
            NotFound, BadRequest, ChainError, KeyUndefined: see :func:`datanectar.child.plan.plan`.
        """
        settings = self._service.settings
        twice = [name for name in request.over if name in request.params]
        if twice:
            raise BadRequest(
                f"Given in over and in parameters: {', '.join(twice)}.",
                fields=dict.fromkeys(twice, "given in over and in parameters"),
            )
        job = PlanJob(
            request.type,
            request.chain,
            request.task,
            request.params,
            request.over,
            run_time or run_time_text(),
            settings.max_backfill_items,
        )
        plan: Plan = self._service.children.ask(
            job,
            timeout=settings.import_timeout + _LOOK_SECONDS,
            subject=f"{request.type}/{request.chain}",
        )
        return plan.items

    def start(
        self, request: BackfillRequest, requested_by: str | None = None
    ) -> tuple[Backfill, bool]:
        """Make a backfill; workers drive it from here on, whatever becomes of them or of this process.

        Returns:
            The backfill, and True; or the one for the same tasks that goes on, and False.

        Raises:
            NotFound, BadRequest, ChainError, KeyUndefined: see :meth:`plan`.
        """
        run_time, backfill_id = run_time_text(), new_id()
        planned = self.plan(request, run_time)
        new = Backfill(
            id=backfill_id,
            run_time=run_time,
            status=RUNNING,
            created=made_at(backfill_id),
            requested_by=requested_by,
            **vars(request),
        )
        items = [_item(new, number, item) for number, item in enumerate(planned)]
        return self.store.create(new, items, _fingerprint(new, planned))

    def get(self, backfill_id: str) -> Backfill:
        """Return one backfill.

        Raises:
            NotFound: when there is none of that id.
        """
        backfill = self.store.get(backfill_id)
        if backfill is None:
            raise NotFound(f"There is no backfill {backfill_id[:100]!r}.")
        return backfill

    def counts(self, backfill: Backfill) -> Counts:
        """Return how many items a backfill has, by status."""
        return self.store.counts([backfill.id])[backfill.id]

    def cancel(self, backfill_id: str) -> Backfill:
        """Start no more of its runs, and cancel those that go on; one that has ended stays as it is.

        Raises:
            NotFound: when there is none of that id.
        """
        self.store.cancel(self.get(backfill_id).id)
        return self.get(backfill_id)

    def retry(self, backfill_id: str) -> Backfill:
        """Run again what failed or was cancelled.

        Raises:
            NotFound: when there is none of that id.
            Conflict: when nothing failed or was cancelled, or it is being cancelled, or another for
                the same goes on.
        """
        backfill = self.get(backfill_id)
        if not self.store.retry(backfill.id):
            raise Conflict(f"Nothing in backfill {backfill.id} has failed or was cancelled.")
        return self.get(backfill_id)


def _item(backfill: Backfill, number: int, planned: PlannedItem) -> Item:
    status = DONE if planned.complete else PENDING
    return Item(backfill.id, number, planned.params, planned.key, status, planned.complete)


def _fingerprint(backfill: Backfill, planned: Iterable[PlannedItem]) -> str:
    keys = sorted(item.key for item in planned)
    text = json.dumps([backfill.path, backfill.params, keys], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
