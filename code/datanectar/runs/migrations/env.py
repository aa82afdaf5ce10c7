"""Alembic's entry: runs the revisions on the connection that ``runs.migrations.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from datanectar.runs.tables import metadata

# The caller's transaction is the only one, on SQLite too: a migration happens whole or not at all.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()
