"""Accounts and sessions; who asked for a run and for a backfill."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and add the columns; of what there is already nobody knows who asked."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("types", sa.Text),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("expires", "last_used", "revoked")),
    )
    op.create_index("ix_accounts_secret", "accounts", ["secret"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "name", "proof")),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_index("ix_sessions_expires", "sessions", ["expires"])
    op.create_table(
        "shared_secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False),
    )
    op.add_column("runs", sa.Column("requested_by", sa.Text))
    op.add_column("backfills", sa.Column("requested_by", sa.Text))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("backfills", "requested_by")
    op.drop_column("runs", "requested_by")
    for table in ("shared_secrets", "sessions", "accounts"):
        op.drop_table(table)
