"""What each task took of memory and CPU."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of earlier tasks it is not known."""
    op.add_column("tasks", sa.Column("peak_memory", sa.BigInteger))
    op.add_column("tasks", sa.Column("cpu_time", sa.Double))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("tasks", "cpu_time")
    op.drop_column("tasks", "peak_memory")
