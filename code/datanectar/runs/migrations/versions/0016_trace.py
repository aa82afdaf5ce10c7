"""Which trace a run belongs to, and what all processes count together, for ``/metrics``."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table; runs that are there belong to no trace."""
    op.add_column("runs", sa.Column("traceparent", sa.Text))
    op.create_table(
        "event_counts",
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("labels", sa.Text, primary_key=True),
        sa.Column("count", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("event_counts")
    op.drop_column("runs", "traceparent")
