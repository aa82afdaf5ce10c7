"""Webhooks, and what they are to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID_TYPE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WAITS = sa.text("next_try IS NOT NULL")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhooks",
        sa.Column("name", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("url", "secret")),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("created_by", sa.Text),
        *(sa.Column(name, sa.Text) for name in ("events", "types", "chains", "tasks", "statuses")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", ID_TYPE, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("webhook", "event_id", "event", "status")
        ),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("next_try", sa.Double),
        sa.Column("code", sa.Integer),
        sa.Column("answer", sa.Text),
    )
    table = "webhook_deliveries"
    op.create_index(f"uq_{table}_event", table, ["webhook", "event_id"], unique=True)
    op.create_index(f"ix_{table}_webhook", table, ["webhook", "id"])
    op.create_index(
        f"ix_{table}_due",
        table,
        ["webhook", "next_try"],
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
