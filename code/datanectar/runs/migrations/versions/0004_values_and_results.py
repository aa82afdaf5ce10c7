"""Which parameters a request gave; where each task's result lies; a task's error and traceback apart."""

from __future__ import annotations

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


def downgrade() -> None:
    """Drop them."""
    for name in _TASKS:
        op.drop_column("tasks", name)
    for name in _RUNS:
        op.drop_column("runs", name)
