"""How often a run was handed back by a worker that was told to stop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count; of earlier runs it is not known, and taken for none."""
    column = sa.Column("handed_back", sa.Integer, nullable=False, server_default="0")
    op.add_column("runs", column)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("runs", "handed_back")
