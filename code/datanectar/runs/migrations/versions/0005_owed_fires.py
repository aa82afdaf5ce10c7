"""Until when a missed fire of a schedule is still started, and until when a worker holds it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = ("owed_until", "held_until")


def upgrade() -> None:
    """Add the columns; of earlier fires nothing is owed."""
    for name in _COLUMNS:
        op.add_column("schedule_fires", sa.Column(name, sa.Double))


def downgrade() -> None:
    """Drop them."""
    for name in _COLUMNS:
        op.drop_column("schedule_fires", name)
