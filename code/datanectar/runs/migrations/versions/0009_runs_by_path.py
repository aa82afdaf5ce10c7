"""An index for the last runs of each task."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.create_index("ix_runs_path", "runs", ["type", "chain", "task", "id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_runs_path", "runs")
