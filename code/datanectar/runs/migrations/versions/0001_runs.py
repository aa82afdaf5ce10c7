"""Runs, their tasks, the workers, and which schedules have fired."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID_TYPE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of the first version."""
    _make_runs()
    op.create_table(
        "tasks",
        sa.Column("run_id", ID_TYPE, primary_key=True),
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text),
        sa.Column("family", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("requires", sa.Text),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("error", sa.Text),
        sa.Column("progress", sa.Integer),
        sa.Column("message", sa.Text),
        sa.Column("tracking_url", sa.Text),
    )
    op.create_index("ix_tasks_key", "tasks", ["key", "run_id"])
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("pid_started", sa.Double, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("heartbeat", sa.Double, nullable=False),
    )
    op.create_table(
        "schedule_fires",
        sa.Column("schedule", sa.Text, primary_key=True),
        sa.Column("fire_time", sa.Double, primary_key=True),
    )


def downgrade() -> None:
    """Drop everything."""
    for table in ("schedule_fires", "workers", "tasks", "runs"):
        op.drop_table(table)


def _make_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID_TYPE, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("public_params", sa.Text, nullable=False),
        sa.Column("run_time", sa.Text, nullable=False),
        sa.Column("storage", sa.Text, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("run_timeout", sa.Double),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("owner", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("traceback", sa.Text),
        sa.Column("failed_key", sa.Text),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("scheduler_reachable", sa.Boolean, nullable=False),
        sa.Column("child_pid", sa.Integer),
        sa.Column("child_started", sa.Double),
        sa.Column("queued", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double),
    )
    _make_partial("uq_runs_active_key", ["key"], "status IN ('PENDING', 'RUNNING')", unique=True)
    _make_partial("ix_runs_pending", ["queued"], "status = 'PENDING'")
    _make_partial("ix_runs_running", ["owner"], "status = 'RUNNING'")
    _make_partial("ix_runs_done", ["key", "status", "id"], "status = 'DONE'")
    for column in ("key", "type", "chain", "task", "status"):
        op.create_index(f"ix_runs_{column}", "runs", [column, "id"])


def _make_partial(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "runs",
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
