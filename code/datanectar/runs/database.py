"""The only speaker to the database driver: engines, transactions, and what its errors mean."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
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

#: Seconds that a write waits for another process's write to end. SQLite's own default, 5, is
#: where "database is locked" comes from.
BUSY_SECONDS = 30
#: In WAL mode NORMAL may lose the last commits in a power cut, and no more than them
#: (sqlite.org/pragma.html#pragma_synchronous). What must not be lost is synced after its commit.
SQLITE_SYNCHRONOUS = "NORMAL"
#: Milliseconds that emptying the log waits for who reads; who writes waits with it.
_CHECKPOINT_MS = 250
#: Seconds to wait for a PostgreSQL server to answer, and for a connection of the pool.
CONNECT_SECONDS = 5
POOL_SECONDS = 10

_BEGIN = "datanectar_begin"
#: Of an INSERT, SQLAlchemy keeps the count only when asked to.
COUNTED: dict[str, Any] = {"preserve_rowcount": True}

Insert = sqlite.Insert | postgresql.Insert
_OUR_MISTAKES = (DataError, IntegrityError, ProgrammingError)


class _WriteAheadLog:
    """The file that SQLite's commits go to first; beside ``file``, the database."""

    def __init__(self, file: str) -> None:
        self._path = f"{file}-wal"
        self._tickets = itertools.count()
        self._lock = threading.Lock()
        self._synced = -1

    def sync(self) -> None:
        """Return when all that was committed before the call is on the disk.

        After the commit and outside its lock: others see what was written meanwhile, and one
        ``fsync`` serves all who came while the one before it went on.
        """
        ticket = next(self._tickets)
        with self._lock:
            if self._synced > ticket:
                return
            covered = next(self._tickets)
            try:
                descriptor = os.open(self._path, os.O_RDONLY)
            except (
                FileNotFoundError
            ):  # who closed the store last has synced it all into the database
                return
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._synced = covered


class now(FunctionElement[float]):  # a function of SQL, named as those are
    """The present Unix stamp, as the database knows it, to the millisecond.

    The database's own clock, where hosts share the store: leases must not depend on whether the
    hosts' clocks agree.
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
    """What one process has open. Connections must not be used on the other side of a fork."""

    engine: Engine
    writer: Engine
    log: _WriteAheadLog | None = None
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
        with self._translated(), here.write_lock, here.writer.begin() as connection:
            yield connection
        if not passing:
            self._sync()

    def _sync(self) -> None:
        """Return when all that was committed so far would outlive a power cut.

        PostgreSQL sees to that at each commit.
        """
        log = self._here().log
        try:
            if log is not None:
                log.sync()
        except OSError as problem:
            raise Unavailable(self.unreachable(problem)) from problem

    def forget_overwritten(self) -> None:
        """Let SQLite's log hold nothing any more of what was changed; left undone while others read.

        The log would keep it until enough is written over it; in the database itself
        ``secure_delete`` sees to that.
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

    def insert(self, table: Table) -> Insert:
        """Return an INSERT for this database that knows ``ON CONFLICT``."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

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
            return _Process(engine, engine)
        engine = _sqlite_engine(self._url)
        writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        return _Process(engine, writer, _WriteAheadLog(str(self.file)), threading.Lock())

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
    """Some of the run store's methods; all parts of a store work on one database.

    What is asked or written often is a statement made once, as the module is imported or at its
    first use: to make one takes SQLAlchemy several times what SQLite takes to execute it.
    """

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
        # Not as parsed: how far a path is unquoted differs between versions of SQLAlchemy.
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
        url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1, pool_timeout=POOL_SECONDS
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions on its own, at the first write and too late: a
    # transaction that reads before it writes can't be given the lock when another has written.
    connection.isolation_level = None
    connection.execute(f"PRAGMA synchronous={SQLITE_SYNCHRONOUS}")
    connection.execute("PRAGMA secure_delete=ON")  # what a run no longer holds is overwritten


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


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
