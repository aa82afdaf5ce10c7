"""What ran a task: the engine, and the worker of the cluster."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; earlier tasks ran on the host of their run."""
    op.add_column("tasks", sa.Column("runs_on", sa.Text))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("tasks", "runs_on")
