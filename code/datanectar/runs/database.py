"""The only speaker to the database driver: engines, transactions, and what its errors mean."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Table,
    cast,
    create_engine,
    event,
    extract,
    func,
    literal,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from datanectar.errors import StartupError, Unavailable

#: Seconds that a write waits for another process's write to end. SQLite's own default, 5, is
#: where "database is locked" comes from.
BUSY_SECONDS = 30
#: An answered POST must outlive a power cut: in WAL mode NORMAL may lose the last commits then, and
#: no more than them. That will do for what is found out or done again when the power is back.
SQLITE_SYNCHRONOUS, SQLITE_SYNCHRONOUS_PASSING = "FULL", "NORMAL"
#: Seconds to wait for a PostgreSQL server to answer, and for a connection of the pool.
CONNECT_SECONDS = 5
POOL_SECONDS = 10

_BEGIN, _SYNCHRONOUS = "datanectar_begin", "datanectar_synchronous"
_OUR_MISTAKES = (DataError, IntegrityError, ProgrammingError)


@dataclass(frozen=True)
class _Process:
    """What one process has open. Connections must not be used on the other side of a fork."""

    engine: Engine
    writer: Engine
    passing_writer: Engine
    #: One write at a time in a process: waiting on a lock here is exact, while SQLite's waiting
    #: sleeps for up to 100 ms at a time.
    write_lock: AbstractContextManager[Any] = field(default_factory=nullcontext)


class Database:
    """A SQLite file or a PostgreSQL database, reached by URL; opened at the first use in a process.

    Args:
        url: ``sqlite:///<path>`` or ``postgresql://...``.

    Raises:
        StartupError: when the URL is neither, or the PostgreSQL driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._url = _usable(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        # By pid. A parent's entry stays here untouched in a forked child: letting go of it would
        # close the parent's connections from the wrong process.
        self._processes: dict[int, _Process] = {}

    @property
    def name(self) -> str:
        """The URL as it may be shown: without its password."""
        return self._url.set(drivername=self._url.get_backend_name()).render_as_string()

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None for PostgreSQL."""
        return Path(self._url.database or "") if self.is_sqlite else None

    @property
    def engine(self) -> Engine:
        """This process's engine."""
        return self._here().engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection to ask questions on; on SQLite it waits for no writer.

        Raises:
            Unavailable: when the database can't be reached.
        """
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, passing: bool = False) -> Iterator[Connection]:
        """Give a connection inside one transaction, committed at the end and undone by an error.

        Args:
            passing: the write may be forgotten in a power cut, with what is written after it; it
                then need not wait for the disk (on SQLite).

        Raises:
            Unavailable: when the database can't be reached, or stays locked.
        """
        here = self._here()
        writer = here.passing_writer if passing else here.writer
        with self._translated(), here.write_lock, writer.begin() as connection:
            yield connection

    def now(self) -> ColumnElement[float]:
        """Return the present Unix stamp as SQL.

        PostgreSQL's own clock, where hosts share the store: leases must not depend on whether
        the hosts' clocks agree.
        """
        if self.is_sqlite:
            return literal(time.time(), Double)
        return cast(extract("epoch", func.clock_timestamp()), Double)

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT for this database that knows ``ON CONFLICT``."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def insert_once(
        self, connection: Connection, row: sqlite.Insert | postgresql.Insert, **conflict: Any
    ) -> bool:
        """Insert one row unless it is there; return whether it is new.

        Args:
            conflict: which index decides, as ``on_conflict_do_nothing`` takes it.
        """
        statement = row.on_conflict_do_nothing(**conflict)
        # Of an INSERT, SQLAlchemy keeps the count only when asked to.
        options = {"preserve_rowcount": True}
        return connection.execute(statement, execution_options=options).rowcount == 1

    def contains(self, column: ColumnElement[str], part: str) -> ColumnElement[bool]:
        """Return the condition that ``part`` occurs in ``column``, letter by letter.

        Not LIKE, which on SQLite takes ``A`` for ``a`` and everywhere has wildcards to escape.
        """
        find = func.instr if self.is_sqlite else func.strpos
        return find(column, part) > 0

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        here = self._processes.pop(os.getpid(), None)
        if here is not None:
            here.engine.dispose()

    def unreachable(self, problem: BaseException) -> str:
        """Return the one line that says that the store can't be reached, and why."""
        reason = str(getattr(problem, "orig", None) or problem).strip().splitlines() or [""]
        return f"The run store {self.name} can't be reached: {reason[0]}."

    def _here(self) -> _Process:
        pid = os.getpid()
        if pid not in self._processes:
            self._processes.setdefault(pid, self._open())
        return self._processes[pid]

    def _open(self) -> _Process:
        if not self.is_sqlite:
            engine = _postgres_engine(self._url)
            return _Process(engine, engine, engine)
        engine = _sqlite_engine(self._url)
        writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        passing = writer.execution_options(**{_SYNCHRONOUS: SQLITE_SYNCHRONOUS_PASSING})
        return _Process(engine, writer, passing, threading.Lock())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as problem:
            if isinstance(problem, _OUR_MISTAKES) and not problem.connection_invalidated:
                raise
            raise Unavailable(
                f"{self.unreachable(problem)} Try again in a while; "
                "if it stays so, check DATANECTAR_DATABASE_URL and that the database is up.",
                headers={"Retry-After": "5"},
            ) from problem


class Part:
    """Some of the run store's methods; all parts of a store work on one database."""

    def __init__(self, database: Database) -> None:
        self._db = database


def _usable(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        # The text is not shown: where it has no shape, its password can't be told from the rest.
        raise StartupError(
            "DATANECTAR_DATABASE_URL is not a URL; it reads sqlite:///<path> or postgresql://..."
        ) from None
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        _require_psycopg()
        return url.set(drivername="postgresql+psycopg")
    raise StartupError(
        f"DATANECTAR_DATABASE_URL is {url.render_as_string()!r}; "
        "it can be sqlite:///<path of a file> or postgresql://..."
    )


def _require_psycopg() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as problem:
        raise StartupError(
            "DATANECTAR_DATABASE_URL names PostgreSQL, whose driver can't be imported "
            f"({problem}); pip install 'datanectar[postgres]'."
        ) from problem


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1, pool_timeout=POOL_SECONDS
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions on its own, at the first write and too late: a
    # transaction that reads before it writes can't be given the lock when another has written.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if _BEGIN in options:  # a writer; the connection may have been either kind's before
        synchronous = options.get(_SYNCHRONOUS, SQLITE_SYNCHRONOUS)
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
    connection.exec_driver_sql(options.get(_BEGIN, "BEGIN"))


def _postgres_engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        # Milliseconds until a server that has vanished from the network counts as gone.
        "tcp_user_timeout": 20_000,
        "application_name": "datanectar",
    }
    return create_engine(
        url,
        connect_args={name: value for name, value in options.items() if name not in url.query},
        pool_pre_ping=True,
        max_overflow=20,
        pool_timeout=POOL_SECONDS,
    )
