"""Which schedules are paused, and which run each fire of a schedule led to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID_TYPE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column, which of earlier fires is not known, and the table."""
    op.add_column("schedule_fires", sa.Column("run_id", ID_TYPE))
    op.create_table(
        "schedule_switches",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("schedule_switches")
    op.drop_column("schedule_fires", "run_id")
