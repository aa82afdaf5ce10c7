"""Which parameters a request gave; where each task's result lies; a task's error and traceback apart.

And ended runs lose what was to be shown to nobody: their parameters are the public ones from here on.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_RUNS = ("given", "results")
_TASKS = ("storage", "output", "results", "traceback")


def upgrade() -> None:
    """Add the columns; of earlier runs they are not known."""
    for name in _RUNS:
        op.add_column("runs", sa.Column(name, sa.Text))
    for name in _TASKS:
        op.add_column("tasks", sa.Column(name, sa.Text))
    _drop_secrets()


def _drop_secrets() -> None:
    runs = sa.table("runs", *map(sa.column, ("id", "status", "params", "public_params", "given")))
    kept = sa.select(runs.c.id, runs.c.params).where(
        runs.c.status.not_in(("PENDING", "RUNNING")), runs.c.params != runs.c.public_params
    )
    connection = op.get_bind()
    for run_id, params in connection.execute(kept).all():
        # Who runs it again is asked for what is missing then.
        given = json.dumps(sorted(json.loads(params)))
        values = {"params": runs.c.public_params, "given": given}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(values))


def downgrade() -> None:
    """Drop them."""
    for name in _TASKS:
        op.drop_column("tasks", name)
    for name in _RUNS:
        op.drop_column("runs", name)
