"""Which versions may work with a store, and which workers are to end once their runs have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and add the columns; workers of earlier versions leave them empty."""
    op.create_table("compatibility", sa.Column("oldest", sa.Text, primary_key=True))
    op.add_column("workers", sa.Column("version", sa.Text))
    op.add_column("workers", sa.Column("draining", sa.Boolean))


def downgrade() -> None:
    """Drop them."""
    for name in ("draining", "version"):
        op.drop_column("workers", name)
    op.drop_table("compatibility")
