"""The tables of webhooks and of their deliveries. Their migrations are those of the run store."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, Table, text

from datanectar.runs.tables import ID_TYPE, Json, SafeText, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("url", SafeText, nullable=False),
    Column("secret", SafeText, nullable=False),
    Column("created", Double, nullable=False),
    Column("created_by", SafeText),
    # What it asks for: lists of names; NULL: all.
    *(Column(name, Json) for name in ("events", "types", "chains", "tasks", "statuses")),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", ID_TYPE, primary_key=True),
    Column("webhook", SafeText, nullable=False),
    Column("event_id", SafeText, nullable=False),
    Column("event", Json, nullable=False),
    Column("status", SafeText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Double, nullable=False),
    # When it is tried next: who takes it puts this off, and so holds it. NULL: it has ended.
    Column("next_try", Double),
    Column("code", Integer),
    Column("answer", SafeText),
)
Index("uq_webhook_deliveries_event", deliveries.c.webhook, deliveries.c.event_id, unique=True)
Index("ix_webhook_deliveries_webhook", deliveries.c.webhook, deliveries.c.id)
_WAITS = text("next_try IS NOT NULL")
Index(
    "ix_webhook_deliveries_due",
    deliveries.c.webhook,
    deliveries.c.next_try,
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)
