"""The tables of backfills. Their migrations are those of the run store, in whose database they are."""

from __future__ import annotations

import dataclasses

from sqlalchemy import Boolean, Column, Double, Index, Integer, Table, text

from datanectar.backfills.records import Backfill, Item
from datanectar.runs.tables import ID_TYPE, Json, SafeText, metadata

backfills = Table(
    "backfills",
    metadata,
    Column("id", ID_TYPE, primary_key=True),
    Column("type", SafeText, nullable=False),
    Column("chain", SafeText, nullable=False),
    Column("task", SafeText, nullable=False),
    Column("over", Json, nullable=False),
    Column("params", Json, nullable=False),
    Column("run_time", SafeText, nullable=False),
    Column("at_once", Integer, nullable=False),
    Column("status", SafeText, nullable=False),
    Column("created", Double, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("finished", Double),
    # A digest of the task and the keys: the same request while it goes on is the same backfill.
    Column("fingerprint", SafeText, nullable=False),
    # The worker that drives it, and until when no other may take it over.
    Column("owner", SafeText),
    Column("held_until", Double),
)
_ACTIVE = text("status = 'RUNNING'")
Index(
    "uq_backfills_active",
    backfills.c.fingerprint,
    unique=True,
    sqlite_where=_ACTIVE,
    postgresql_where=_ACTIVE,
)

items = Table(
    "backfill_items",
    metadata,
    Column("backfill_id", ID_TYPE, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("params", Json, nullable=False),
    Column("key", SafeText, nullable=False),
    Column("status", SafeText, nullable=False),
    Column("was_there", Boolean, nullable=False),
    Column("run_id", ID_TYPE),
    Column("error", SafeText),
)
Index("ix_backfill_items_status", items.c.backfill_id, items.c.status, items.c.number)

#: The columns of :class:`Backfill` and :class:`Item`.
BACKFILL_COLUMNS = tuple(backfills.c[field.name] for field in dataclasses.fields(Backfill))
ITEM_COLUMNS = tuple(items.c[field.name] for field in dataclasses.fields(Item))
