"""The public parameters of each task of a run, by name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of earlier runs they are not known."""
    op.add_column("tasks", sa.Column("params", sa.Text))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("tasks", "params")
