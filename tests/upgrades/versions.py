"""The code of other versions: 1.0 from the history of this clone, and a later one that is made up."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import psycopg
import pytest

from datanectar.database import Database
from datanectar.runs.tables import HEAD

HERE = Path(__file__).parent
CODE = HERE.parents[1] / "code"
#: The commit of 1.0, whose schema is revision 0003.
_FIRST = "59ca27283f3a0e8761ab85ceac6dbba2dbec27c5"

#: What the later version does to the store: all that a migration may do that only adds.
_LATER_MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9998", "{HEAD}", None, None


def upgrade():
    op.create_table("later", sa.Column("id", sa.Text, primary_key=True))
    for table in ("runs", "tasks", "workers", "schedule_fires"):
        op.add_column(table, sa.Column("later", sa.Text))
        op.add_column(table, sa.Column("counted", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_runs_later", "runs", ["later", "id"])
"""


def code_of_1_0(folder: Path) -> Path:
    """Put the code of 1.0 into a folder and return its source root; skip the test without the history."""
    archive = subprocess.run(
        ["git", "archive", _FIRST, "code"], cwd=CODE.parent, capture_output=True
    )
    if archive.returncode != 0:
        pytest.skip("this clone does not have the history back to 1.0")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "code"


def code_of_later(folder: Path) -> Path:
    """Put the code of a version with one more migration into a folder; return its source root."""
    shutil.copytree(CODE / "datanectar", folder / "datanectar")
    runs = folder / "datanectar" / "runs"
    (runs / "migrations" / "versions" / "9998_later.py").write_text(_LATER_MIGRATION)
    tables = (runs / "tables.py").read_text()
    (runs / "tables.py").write_text(tables.replace(f'HEAD = "{HEAD}"', 'HEAD = "9998"'))
    return folder


def command(part: str) -> list[str]:
    """Return the command of a part; ``PYTHONPATH`` says of which version."""
    return [sys.executable, "-m", "datanectar", part]


def load_store_of_1_0(database: Database, url: str) -> None:
    """Fill an empty database with what 1.0 left there when its processes were killed.

    Of its runs two are DONE, one FAILED, one CANCELLED; two were RUNNING and
    two PENDING.
    """
    if database.file is None:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute((HERE / "store_of_1_0.postgresql.sql").read_bytes())
        return
    database.file.parent.mkdir(parents=True, exist_ok=True)
    file = sqlite3.connect(database.file)
    file.executescript((HERE / "store_of_1_0.sqlite.sql").read_text())
    file.close()
