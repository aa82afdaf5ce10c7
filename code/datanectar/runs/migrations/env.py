"""Alembic's entry: runs the revisions on the connection that ``runs.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from datanectar.runs.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Our transaction is a real one on SQLite too: a migration happens whole or not at all.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
