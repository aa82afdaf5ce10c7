"""How many runs have ended, and how long they took, for ``/metrics``."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it counts from now on."""
    names = ("type", "chain", "task", "status", "bucket")
    op.create_table(
        "run_totals",
        *(sa.Column(name, sa.Text, primary_key=True) for name in names),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("run_totals")
