"""Prepares the store at start: its folder and its tables, by one process at a time."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from datanectar.database import BUSY_SECONDS, Database
from datanectar.errors import StartupError, Unavailable
from datanectar.permissions import private_database, private_file
from datanectar.runs.migrations.compatibility import allows_this_version, note
from datanectar.runs.tables import HEAD

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent
#: The number of our advisory lock in a PostgreSQL database; any constant does.
_ADVISORY_LOCK = 0x6E65637461
#: Seconds to wait for another process that prepares the store, and between looks.
_LOCK_SECONDS = 60.0
_LOOK = 0.05


def prepare(database: Database) -> None:
    """Bring the store to this version's schema. Any number of processes may do so at once.

    A store that a newer version has migrated stays as it is, if this version may work with it.

    Raises:
        StartupError: when the store can't be reached, or is of a newer version that this one can't
            work beside.
    """
    try:
        with _one_process_at_a_time(database.file):
            if database.file is not None:
                private_database(database.file)
                _use_wal(database.file)
            with database.read() as connection:
                revision = stored_revision(connection)
            if revision != HEAD:
                with database.write() as connection:
                    _migrate(connection, database)
                database.forget_overwritten()
    except Unavailable as problem:
        raise StartupError(database.unreachable(problem.__cause__ or problem)) from problem
    except (SQLAlchemyError, sqlite3.Error, OSError) as problem:
        raise StartupError(database.unreachable(problem)) from problem


def stored_revision(connection: Connection) -> str | None:
    """Return the revision of the database's schema, or None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _one_process_at_a_time(file: Path | None) -> Iterator[None]:
    # On PostgreSQL the advisory lock in _migrate does this, for all hosts.
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    name = file.with_name(file.name + ".lock")
    private_file(name)
    with name.open("w") as lock:
        _lock(lock)
        yield


def _lock(lock: TextIO) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            if time.monotonic() > deadline:
                raise StartupError(
                    f"Another process has held {lock.name} for {_LOCK_SECONDS:g} s, as one does that "
                    f"brings the run store to this version: let it end, or stop it; `fuser -v "
                    f"{lock.name}` names it."
                ) from problem
        time.sleep(_LOOK)


def _use_wal(file: Path) -> None:
    # SQLite wants this outside a transaction; the mode is kept in the file.
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise StartupError(
            f"The run store {file} is where SQLite can't use WAL mode (a network drive?). "
            "Set DATANECTAR_STATE to a folder on a local disk, or use PostgreSQL."
        )


def _migrate(connection: Connection, database: Database) -> None:
    if not database.is_sqlite:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS:g}s'"))
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    revision = stored_revision(connection)
    if revision == HEAD:  # another process was faster
        return
    # Imported here: a store that is up to date does not need it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        _require_compatible(connection, database, revision)
        return
    command.upgrade(config, "head")
    note(connection)


def _require_compatible(connection: Connection, database: Database, revision: str) -> None:
    if not allows_this_version(connection):
        raise StartupError(
            f"The run store {database.name} was written by a newer datanectar (its schema is "
            f"{revision!r}, this version knows up to {HEAD!r}) that this version can't work beside: "
            "install that version, or let DATANECTAR_DATABASE_URL name another store."
        )
    log.warning(
        "the run store has the schema %s of a newer datanectar; this version (%s) works beside it",
        revision,
        HEAD,
    )
