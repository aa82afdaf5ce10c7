"""Results that are pinned, and which worker does the chores that one of them is to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pins",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text),
        sa.Column("held_until", sa.Double),
        sa.Column("done", sa.Double),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("chores")
    op.drop_table("pins")
