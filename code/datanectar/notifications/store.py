"""The store of webhooks and of their deliveries, in the database of the run store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import RowMapping, delete, func, select, update

from datanectar.database import now
from datanectar.errors import Conflict, NotFound
from datanectar.notifications.outbox import all_webhooks, put, put_for
from datanectar.notifications.records import GIVEN_UP, WAITING, Delivery, Event, Webhook
from datanectar.notifications.tables import deliveries, webhooks
from datanectar.runs.tables import StoreBase

log = logging.getLogger(__name__)

#: How many webhooks there may be.
MOST_WEBHOOKS = 100
#: Deliveries that are kept of a webhook at most, and seconds for which one that has ended is kept.
MOST_KEPT, KEPT_SECONDS = 10_000, 7 * 86_400.0

_COLUMNS = [column for column in deliveries.c if column.name != "event_id"]
_DUE = select(deliveries.c.webhook).where(deliveries.c.next_try <= now()).distinct()


class WebhookStore(StoreBase):
    """Webhooks and deliveries. Any method may raise :class:`~datanectar.errors.Unavailable`."""

    def add(self, webhook: Webhook) -> None:
        """Store a new webhook.

        Raises:
            Conflict: when its name is taken, or there are as many as there may be.
        """
        row = self._db.insert(webhooks).values(**vars(webhook)).on_conflict_do_nothing()
        with self._db.write() as connection:
            if connection.execute(row.returning(webhooks.c.name)).first() is None:
                raise Conflict(f"There is a webhook called {webhook.name}: take another name.")
            if connection.execute(select(func.count()).select_from(webhooks)).scalar_one() > (
                MOST_WEBHOOKS
            ):
                raise Conflict(f"There are {MOST_WEBHOOKS} webhooks, the most: remove one first.")

    def all(self) -> list[Webhook]:
        """Return the webhooks by name."""
        with self._db.read() as connection:
            return all_webhooks(connection)

    def get(self, name: str) -> Webhook:
        """Return a webhook.

        Raises:
            NotFound: when there is none of that name.
        """
        with self._db.read() as connection:
            query = select(webhooks).where(webhooks.c.name == name)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"There is no webhook called {name[:100]!r}.")
        return Webhook(**row)

    def remove(self, name: str) -> None:
        """Remove a webhook, and what it was to be told.

        Raises:
            NotFound: when there is none of that name.
        """
        self.get(name)
        with self._db.write() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.webhook == name))
            connection.execute(delete(webhooks).where(webhooks.c.name == name))

    def put(self, make: Callable[[], Event]) -> None:
        """Put an event for each webhook that asks for it; once, however often it is put."""
        with self._db.write() as connection:
            put(connection, make)

    def put_for(self, webhook: str, event: Event) -> None:
        """Put an event for one webhook, whatever that asks for."""
        with self._db.write() as connection:
            put_for(connection, event, [webhook])

    def deliveries(self, webhook: str, limit: int) -> list[Delivery]:
        """Return the last deliveries of a webhook, the newest first."""
        query = select(*_COLUMNS).where(deliveries.c.webhook == webhook)
        query = query.order_by(deliveries.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return [_delivery(row) for row in connection.execute(query).mappings()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many deliveries each webhook has, by status."""
        columns = (deliveries.c.webhook, deliveries.c.status)
        counted: dict[str, dict[str, int]] = {}
        with self._db.read() as connection:
            query = select(*columns, func.count()).group_by(*columns)
            for webhook, status, count in connection.execute(query):
                counted.setdefault(webhook, {})[status] = count
        return counted

    # --- sending ---------------------------------------------------------------------------

    def due(self) -> list[str]:
        """Return the names of the webhooks that something is to be sent to now."""
        with self._db.read() as connection:
            return list(connection.execute(_DUE).scalars())

    def claim(self, webhook: str, hold: float) -> Delivery | None:
        """Take the delivery of a webhook that is due longest; its attempts are one more by that.

        Of several callers, in any process, one gets it; the others leave it alone for ``hold`` seconds.

        Returns:
            The delivery, or None when none is due.
        """
        oldest = select(deliveries.c.id).where(deliveries.c.webhook == webhook)
        oldest = oldest.where(deliveries.c.next_try <= now()).order_by(deliveries.c.next_try)
        oldest = oldest.limit(1).with_for_update(skip_locked=True)
        taken = update(deliveries).where(deliveries.c.id == oldest.scalar_subquery())
        values = {"next_try": now() + hold, "attempts": deliveries.c.attempts + 1}
        with self._db.write() as connection:
            row = connection.execute(taken.values(values).returning(*_COLUMNS)).mappings().first()
        return _delivery(row) if row else None

    def settle(
        self,
        claimed: Delivery,
        status: str,
        code: int | None,
        answer: str,
        again_in: float | None = None,
    ) -> None:
        """Note what became of a delivery, unless somebody has taken it up again meanwhile.

        Args:
            claimed: as :meth:`claim` returned it.
            status: what it is now.
            code: the HTTP status of the answer, if there was one.
            answer: what it said, or why there was none.
            again_in: seconds after which it is tried again; None: it has ended.
        """
        own = update(deliveries).where(
            deliveries.c.id == claimed.id, deliveries.c.attempts == claimed.attempts
        )
        next_try = None if again_in is None else now() + again_in
        with self._db.write() as connection:
            connection.execute(
                own.values(status=status, code=code, answer=answer, next_try=next_try)
            )

    def retry(self, webhook: str) -> int:
        """Let what was given up for a webhook be sent again, from now on; return how much that is.

        Raises:
            NotFound: when there is none of that name.
        """
        given_up = update(deliveries).where(
            deliveries.c.webhook == self.get(webhook).name, deliveries.c.status == GIVEN_UP
        )
        with self._db.write() as connection:
            again = given_up.values(status=WAITING, attempts=0, next_try=now())
            return connection.execute(again).rowcount

    def tidy(self) -> None:
        """Delete what ended long ago or is of no webhook, and the oldest beyond the most that is kept."""
        ended = deliveries.c.next_try.is_(None)
        with self._db.write() as connection:
            old = deliveries.c.created < now() - KEPT_SECONDS
            connection.execute(delete(deliveries).where(ended, old))
            names = connection.execute(select(webhooks.c.name)).scalars().all()
            connection.execute(delete(deliveries).where(deliveries.c.webhook.not_in(names)))
            for name in names:
                of_it = deliveries.c.webhook == name
                last = select(deliveries.c.id).where(of_it).order_by(deliveries.c.id.desc())
                last_kept = connection.execute(last.offset(MOST_KEPT).limit(1)).scalar()
                if last_kept is not None:
                    surplus = delete(deliveries).where(of_it, deliveries.c.id <= last_kept)
                    lost = connection.execute(surplus.where(~ended)).rowcount
                    connection.execute(surplus)
                    if lost:
                        log.error("webhook %s: %d events are lost, too many wait", name, lost)


def _delivery(row: RowMapping) -> Delivery:
    values: dict[str, Any] = {**row, "event": Event(**row["event"])}
    return Delivery(**values)
