"""The table of counts. Its migrations are those of the run store, in whose database it is."""

from __future__ import annotations

from sqlalchemy import Column, Double, Table

from datanectar.runs.tables import SafeText, metadata

event_counts = Table(
    "event_counts",
    metadata,
    Column("metric", SafeText, primary_key=True),
    # The values of its labels, as a JSON list.
    Column("labels", SafeText, primary_key=True),
    Column("count", Double, nullable=False),
)
