"""Putting events where they wait for their delivery: one row for each webhook that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from datanectar.database import now
from datanectar.notifications.records import WAITING, Event, Webhook
from datanectar.notifications.tables import deliveries, webhooks
from datanectar.runs.ids import made_at, new_id

_ALL = select(webhooks).order_by(webhooks.c.name)


def all_webhooks(connection: Connection) -> list[Webhook]:
    """Return the webhooks by name."""
    return [Webhook(**row) for row in connection.execute(_ALL).mappings()]


def put(connection: Connection, make: Callable[[], Event]) -> None:
    """Put an event, in the caller's transaction, for each webhook that asks for it.

    Args:
        connection: one of :meth:`Database.write`.
        make: returns the event; not called while there is no webhook.
    """
    if known := all_webhooks(connection):
        event = make()
        put_for(connection, event, (hook.name for hook in known if hook.wants(event)))


def put_for(connection: Connection, event: Event, receivers: Iterable[str]) -> None:
    """Put an event for webhooks, by name; one that has it already keeps the one it has."""
    rows = [_row(event, name) for name in receivers]
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        insert = dialect.insert(deliveries).values(next_try=now())
        connection.execute(insert.on_conflict_do_nothing(), rows)


def _row(event: Event, webhook: str) -> dict[str, Any]:
    delivery_id = new_id()
    return {
        "id": delivery_id,
        "webhook": webhook,
        "event_id": event.id,
        "event": vars(event),
        "status": WAITING,
        "attempts": 0,
        "created": made_at(delivery_id),
    }
