"""What a run store takes on the disk, how much of it is free within, and how that is given back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from sqlalchemy import text

from datanectar.database import Database
from datanectar.errors import Conflict

_SQLITE = (
    "SELECT page_count * page_size, freelist_count * page_size "
    "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
)
_TABLES = ("runs", "tasks", "backfills", "backfill_items", "schedule_fires")
#: Dead rows are given in rows: as many bytes as that part of the table takes.
_POSTGRES = text(
    "SELECT coalesce(sum(pg_total_relation_size(relid)), 0), "
    "coalesce(sum(pg_total_relation_size(relid) * n_dead_tup::float "
    "/ greatest(n_live_tup + n_dead_tup, 1)), 0) "
    "FROM pg_stat_user_tables WHERE relname = ANY(:tables)"
)


@dataclass(frozen=True)
class Space:
    """Bytes that a store takes, and how many of these are free or of deleted rows."""

    total: int
    free: int

    @property
    def part(self) -> float:
        """Which part of the whole is free, from 0 to 1."""
        return self.free / self.total if self.total else 0.0


def space_of(database: Database) -> Space:
    """Return what a store takes: of SQLite by its pages, of PostgreSQL by its statistics."""
    with database.read() as connection:
        if database.is_sqlite:
            row = connection.exec_driver_sql(_SQLITE).one()
        else:
            row = connection.execute(_POSTGRES, {"tables": list(_TABLES)}).one()
    return Space(int(row[0]), int(row[1]))


def check_vacuum(database: Database) -> None:
    """Check that a store can be vacuumed.

    Raises:
        Conflict: on PostgreSQL, which does that by itself; or when the disk has no room for the copy
            that SQLite makes.
    """
    if database.file is None:
        raise Conflict(
            "PostgreSQL gives the space of deleted rows to new ones by itself (autovacuum). "
            "`VACUUM (FULL) runs, tasks` gives it back to the disk, and locks both meanwhile."
        )
    space, folder = space_of(database), database.file.parent
    # SQLite makes a new file, and copies it by its log (sqlite.org/lang_vacuum.html).
    needed, left = 2 * (space.total - space.free), shutil.disk_usage(folder).free
    if left < needed:
        raise Conflict(
            f"VACUUM needs {needed} bytes for copies of {database.file}, and its disk has {left}: "
            "make room there first."
        )


def vacuum(database: Database) -> tuple[Space, Space]:
    """Give back what is free in a SQLite file; nobody can write to it meanwhile.

    Returns:
        What it took before and after.

    Raises:
        Conflict: see :func:`check_vacuum`.
        Unavailable: when others keep it locked.
    """
    check_vacuum(database)
    before = space_of(database)
    database.vacuum()
    return before, space_of(database)
