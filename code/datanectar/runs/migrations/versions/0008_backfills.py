"""Backfills and their items; which runs a backfill has started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID_TYPE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ACTIVE = sa.text("status = 'RUNNING'")
_OF_BACKFILL = sa.text("\"trigger\" LIKE 'backfill %'")


def upgrade() -> None:
    """Make the tables, and the index for the history of one backfill."""
    op.create_table(
        "backfills",
        sa.Column("id", ID_TYPE, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("type", "chain", "task", "over", "params", "run_time")
        ),
        sa.Column("at_once", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("held_until", sa.Double),
    )
    _index("uq_backfills_active", "backfills", ["fingerprint"], _ACTIVE, unique=True)
    op.create_table(
        "backfill_items",
        sa.Column("backfill_id", ID_TYPE, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("params", "key", "status")),
        sa.Column("was_there", sa.Boolean, nullable=False),
        sa.Column("run_id", ID_TYPE),
        sa.Column("error", sa.Text),
    )
    columns = ["backfill_id", "status", "number"]
    op.create_index("ix_backfill_items_status", "backfill_items", columns)
    _index("ix_runs_backfill", "runs", ["trigger", "id"], _OF_BACKFILL)


def _index(
    name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False
) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_runs_backfill", "runs")
    op.drop_table("backfill_items")
    op.drop_table("backfills")
