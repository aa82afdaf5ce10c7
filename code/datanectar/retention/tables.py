"""The tables of pins and chores. Their migrations are those of the run store, in whose database they are."""

from __future__ import annotations

from sqlalchemy import Column, Double, Table

from datanectar.runs.tables import SafeText, metadata

# The keys whose results are kept whatever their age.
pins = Table(
    "pins",
    metadata,
    Column("key", SafeText, primary_key=True),
    Column("reason", SafeText, nullable=False),
    Column("created", Double, nullable=False),
)

# What one process does for all: who does it, until when no other may, and when it was last done.
chores = Table(
    "chores",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("owner", SafeText),
    Column("held_until", Double),
    Column("done", Double),
)
