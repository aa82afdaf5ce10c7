"""Which of a key's logs a task wrote in a run: the number that it has once it is an earlier one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the number; of earlier runs it is not known."""
    op.add_column("tasks", sa.Column("log_number", sa.Integer))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("tasks", "log_number")
