"""The database, by URL: engines, transactions, and what a driver's errors mean.

Nothing else in the package opens a connection to it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
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
    create_engine,
    event,
    func,
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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from datanectar.errors import StartupError, Unavailable
from datanectar.settings import sqlite_file, sqlite_url
from datanectar.telemetry.counts import STORE, count_error

#: Seconds that a write waits for another process's write to end. SQLite's own default, 5, is
#: where "database is locked" comes from.
BUSY_SECONDS = 30
#: Milliseconds that a checkpoint of SQLite's log waits for readers; writers wait with it.
_CHECKPOINT_MS = 250
#: Seconds to wait for a PostgreSQL server to respond, and for a connection of the pool.
_CONNECT_SECONDS = 5
_POOL_SECONDS = 10

_BEGIN = "datanectar_begin"
_ON_COMMIT = "datanectar_on_commit"

Insert = sqlite.Insert | postgresql.Insert
_OUR_MISTAKES = (DataError, IntegrityError, ProgrammingError)


class now(FunctionElement[float]):  # a function of SQL, named as those are
    """The Unix stamp of now by the database's clock, to the millisecond.

    Hosts that share a store need not agree on the time: leases go by this clock alone.
    """

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_on_sqlite(*_: object, **__: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # 1970-01-01 is day 2440587.5


@compiles(now, "postgresql")
def _now_on_postgresql(*_: object, **__: object) -> str:
    return "CAST(EXTRACT(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"


@dataclass(frozen=True)
class _Process:
    """What one process has open: a connection can't be used on the other side of a fork."""

    engine: Engine
    writer: Engine
    #: SQLite takes one write at a time. Threads wait here for less long than in SQLite, which
    #: sleeps for up to 100 ms between looks.
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
        # By pid. A forked child leaves its parent's entry alone: dropping it would close the
        # parent's connections.
        self._processes: dict[int, _Process] = {}

    @property
    def name(self) -> str:
        """The URL as it may be shown: without its password."""
        if self.file is not None:
            return sqlite_url(self.file)
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
        """Open a connection for reading; on SQLite it waits for no writer.

        Raises:
            Unavailable: when the database can't be reached.
        """
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a connection in a transaction, which an error rolls back.

        It is committed at the end of the block, and on the disk; then what :func:`on_commit` has
        registered is called.

        Raises:
            Unavailable: when the database can't be reached, or stays locked.
        """
        here = self._here()
        with self._translated(), here.write_lock, here.writer.begin() as connection:
            callbacks = connection.info[_ON_COMMIT] = []
            yield connection
        for callback in callbacks:
            callback()

    def forget_overwritten(self) -> None:
        """Empty SQLite's write-ahead log, which keeps what was overwritten; not while others read.

        In the database itself ``secure_delete`` overwrites it.
        """
        if not self.is_sqlite:
            return
        here = self._here()
        with contextlib.suppress(DBAPIError, PoolTimeout), here.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # it was just checked out
            driver.execute(f"PRAGMA busy_timeout={_CHECKPOINT_MS}")
            try:
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")

    def vacuum(self) -> None:
        """Have SQLite write its file anew, without what is free in it; Unavailable if it is locked."""
        with self._translated(), self._here().write_lock, self.engine.connect() as connection:
            connection.connection.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
        self.forget_overwritten()

    def insert(self, table: Table) -> Insert:
        """Return an INSERT for this database that knows ``ON CONFLICT``."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def contains(self, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
        """Return the condition that ``text`` occurs in ``column``, with the same case.

        Not by LIKE, which on SQLite takes ``A`` for ``a`` and everywhere has wildcards to escape.
        """
        find = func.instr if self.is_sqlite else func.strpos
        return find(column, text) > 0

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        here = self._processes.pop(os.getpid(), None)
        if here is not None:
            here.engine.dispose()

    def unreachable(self, problem: BaseException) -> str:
        """Return one line: the store can't be reached, and why."""
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
            return _Process(engine, engine)
        engine = _sqlite_engine(self._url)
        writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        return _Process(engine, writer, threading.Lock())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as problem:
            if isinstance(problem, _OUR_MISTAKES) and not problem.connection_invalidated:
                raise
            count_error(STORE, problem)
            raise Unavailable(
                f"{self.unreachable(problem)} Try again in a while; "
                "if it stays so, check DATANECTAR_DATABASE_URL and that the database is up.",
                headers={"Retry-After": "5"},
            ) from problem


def on_commit(connection: Connection, callback: Callable[[], object]) -> None:
    """Call back when the transaction of :meth:`Database.write` is committed; never if it is not."""
    connection.info[_ON_COMMIT].append(callback)


def _usable(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        # The text is not shown: nothing tells where in it a password is.
        raise StartupError(
            "DATANECTAR_DATABASE_URL is not a URL; it reads sqlite:///<path> or postgresql://..."
        ) from None
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        # Not as SQLAlchemy parsed it: how it unquotes a path differs between its versions.
        return url.set(database=str(sqlite_file(text)))
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
        url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1, pool_timeout=_POOL_SECONDS
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin a transaction at its first write, which is too late: one that
    # reads before it writes can't get the lock when another has written meanwhile.
    connection.isolation_level = None
    # In WAL mode only FULL keeps the last commits in a power cut (sqlite.org/pragma.html).
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")  # private values of ended runs are overwritten


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _postgres_engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        # Milliseconds until a server that does not respond counts as gone.
        "tcp_user_timeout": 20_000,
        "application_name": "datanectar",
    }
    return create_engine(
        url,
        connect_args={name: value for name, value in options.items() if name not in url.query},
        pool_pre_ping=True,
        max_overflow=20,
        pool_timeout=_POOL_SECONDS,
    )
