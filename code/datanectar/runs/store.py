"""The run store: every accepted run, written before its request is answered.

The parts are in modules of their own: what workers do in :mod:`datanectar.runs.leases`, lists
and forgetting in :mod:`datanectar.runs.history`, schedules in :mod:`datanectar.runs.schedules`.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    select,
    text,
)

from datanectar.errors import TooManyRuns
from datanectar.messages import TaskReport
from datanectar.runs import migrate
from datanectar.runs.database import COUNTED, Database, Insert, now
from datanectar.runs.history import History, RunFilters
from datanectar.runs.ids import RUN_ID, made_at, new_id
from datanectar.runs.leases import RUN_BY_ID, Held, Leases
from datanectar.runs.records import NewRun, Run, TaskRow
from datanectar.runs.schedules import Schedules
from datanectar.runs.tables import (
    ACTIVE_CONDITION,
    RUN_COLUMNS,
    TASK_COLUMNS,
    WorkerRow,
    has_status,
    run_row,
    runs,
    tasks,
    to_run,
    to_task,
)
from datanectar.statuses import ACTIVE, DONE, PENDING, RUNNING

__all__ = ["Held", "RunFilters", "RunStore", "WorkerRow"]

#: Seconds after which a client that was refused may ask again.
_RETRY_AFTER = 10


class RunStore(Leases, History, Schedules):
    """The runs in a SQLite file or a PostgreSQL database.

    Safe to share between threads and to keep across a fork: connections are opened at the first
    use in each process. Any method may raise :class:`~datanectar.errors.Unavailable`.

    Args:
        url: ``sqlite:///<path>`` or ``postgresql://...``, as in ``Settings.database_url``.

    Raises:
        StartupError: when the URL is neither, or PostgreSQL's driver is not installed.
    """

    def __init__(self, url: str) -> None:
        super().__init__(Database(url))

    def prepare(self) -> None:
        """Make the store ready at start: its folder and its tables, in this version's shape.

        Safe in several processes at once; quick when there is nothing to do.

        Raises:
            StartupError: when it can't be reached, or a newer version wrote it.
        """
        migrate.prepare(self._db)

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        self._db.close()

    def accept(self, new: NewRun, *, max_queued: int) -> tuple[Run, bool]:
        """Store a new run as PENDING, unless one with its key is still to end.

        Args:
            max_queued: how many runs may wait.

        Returns:
            The run, and whether it is new; the run that was there otherwise.

        Raises:
            TooManyRuns: when ``max_queued`` runs wait already.
        """
        key = new.resolution.key
        with self._db.write() as connection:
            # More than once round only on PostgreSQL, when the run that was in the way has ended
            # before we look at it.
            while True:
                run = _pending(new)
                if self._insert(connection, run):
                    _refuse_if_full(connection, max_queued)  # which undoes it
                    return run, True
                if present := _first_run(connection, _ACTIVE, key=key):
                    return present, False

    def accept_done(self, new: NewRun) -> Run:
        """Store a run whose result was there before it: it is DONE at once, in no attempt.

        Its root is a task of it, which no run has begun.
        """
        run = _pending(new)
        run = dataclasses.replace(
            run, status=DONE, finished=run.created, params=run.public_params
        )  # nobody will run it: what is private has no business in the store
        resolution = new.resolution
        root = TaskReport(
            run.task_id,
            key=run.key,
            family=f"{run.type}.{run.chain}.{run.task}",
            status=DONE,
            storage=resolution.storage,
            output=resolution.output,
            results=resolution.results,
        )
        with self._db.write() as connection:
            connection.execute(self._db.insert(runs).values(queued=now()), run_row(run))
            self._write_reports(connection, run.id, [root])
        return run

    def get(self, run_id: str) -> Run | None:
        """Return the run, or None if there is none of that id."""
        return self._one_run(RUN_BY_ID, run_id=run_id) if RUN_ID.match(run_id) else None

    def latest(self, key: str) -> Run | None:
        """Return the key's active run, else its newest, else None."""
        return self._one_run(_LATEST, key=key)

    def latest_done(self, key: str) -> Run | None:
        """Return the key's newest run that is DONE, or None."""
        return self._one_run(_LATEST_DONE, key=key)

    def log_number(self, run_id: str, key: str) -> int | None:
        """Return which of a key's logs was written in a run, if one was and its number is known."""
        with self._db.read() as connection:
            return connection.execute(_LOG_NUMBER, {"run_id": run_id, "key": key}).scalar()

    def task_by_key(self, key: str) -> TaskRow | None:
        """Return the task with that key as the newest run that has it knows it, or None."""
        with self._db.read() as connection:
            row = connection.execute(_TASK_BY_KEY, {"key": key}).mappings().first()
            return to_task(row) if row else None

    def active_with_task(self, key: str) -> Run | None:
        """Return a run that is still to end and has a task with that key, or None."""
        return self._one_run(_ACTIVE_WITH_TASK, key=key)

    def has_made(self, key: str) -> bool:
        """Tell whether a task with that key has begun in any run, and so may have made its result."""
        with self._db.read() as connection:
            return connection.execute(_BEGUN, {"key": key}).first() is not None

    def waiting(self, limit: int, older_than_seconds: float = 0) -> list[str]:
        """Return ids of PENDING runs, those first that have waited longest.

        Args:
            limit: how many at most.
            older_than_seconds: only those that have waited longer than this.
        """
        wanted = select(runs.c.id).where(has_status(PENDING))
        if older_than_seconds > 0:
            wanted = wanted.where(runs.c.queued < now() - older_than_seconds)
        with self._db.read() as connection:
            ordered = wanted.order_by(runs.c.queued, runs.c.id).limit(limit)
            return list(connection.execute(ordered).scalars())

    def active_counts(self) -> dict[str, int]:
        """Return how many runs are PENDING and how many RUNNING."""
        with self._db.read() as connection:
            return {status: _count(connection, status) for status in (PENDING, RUNNING)}

    def _insert(self, connection: Connection, run: Run) -> bool:
        insertion, row = self._insertion, run_row(run)
        return connection.execute(insertion, row, execution_options=COUNTED).rowcount == 1

    @cached_property
    def _insertion(self) -> Insert:
        insertion = self._db.insert(runs).values(queued=now())
        return insertion.on_conflict_do_nothing(
            index_elements=["key"], index_where=text(ACTIVE_CONDITION)
        )

    def _one_run(self, wanted: Select[Any], **values: str) -> Run | None:
        with self._db.read() as connection:
            return _first_run(connection, wanted, **values)


def _pending(new: NewRun) -> Run:
    run_id = new_id()
    resolution = new.resolution
    return Run(
        id=run_id,
        key=resolution.key,
        type=new.type,
        chain=new.chain,
        task=new.task,
        task_id=resolution.task_id,
        params=resolution.params,
        public_params=resolution.public_params,
        run_time=resolution.run_time,
        storage=resolution.storage,
        output=resolution.output,
        status=PENDING,
        attempt=0,
        created=made_at(run_id),
        trigger=new.trigger,
        width=resolution.width,
        run_timeout=resolution.run_timeout,
        given=resolution.given,
        results=resolution.results,
    )


def _refuse_if_full(connection: Connection, max_queued: int) -> None:
    if _count(connection, PENDING) > max_queued:
        raise TooManyRuns(
            f"{max_queued} runs are waiting, as many as DATANECTAR_MAX_QUEUED allows: try again "
            "later, or ask whoever runs this service for more workers.",
            headers={"Retry-After": str(_RETRY_AFTER)},
        )


def _count(connection: Connection, status: str) -> int:
    return connection.execute(_COUNTS[status]).scalar_one()


def _first_run(connection: Connection, wanted: Select[Any], **values: str) -> Run | None:
    row = connection.execute(wanted, values).mappings().first()
    return to_run(row) if row else None


def _newest_id(*conditions: ColumnElement[bool]) -> ColumnElement[str]:
    wanted = select(runs.c.id).where(*conditions).order_by(runs.c.id.desc()).limit(1)
    return wanted.correlate(None).scalar_subquery()


_RUN = select(*RUN_COLUMNS)
_KEY = runs.c.key == bindparam("key")
_ACTIVE = _RUN.where(_KEY, has_status(*ACTIVE))
_ACTIVE_ID = select(runs.c.id).where(_KEY, has_status(*ACTIVE)).correlate(None).scalar_subquery()
_LATEST = _RUN.where(runs.c.id == func.coalesce(_ACTIVE_ID, _newest_id(_KEY)))
_LATEST_DONE = _RUN.where(runs.c.id == _newest_id(_KEY, has_status(DONE)))
_COUNTS = {
    status: select(func.count()).select_from(runs).where(has_status(status))
    for status in (PENDING, RUNNING)
}
_TASK_BY_KEY = (
    select(*TASK_COLUMNS)
    .where(tasks.c.key == bindparam("key"))
    .order_by(tasks.c.run_id.desc(), tasks.c.task_id)
    .limit(1)
)
_ACTIVE_WITH_TASK = (
    _RUN.join(tasks, tasks.c.run_id == runs.c.id)
    .where(tasks.c.key == bindparam("key"), has_status(*ACTIVE))
    .limit(1)
)
_BEGUN = (
    select(tasks.c.task_id)
    .where(tasks.c.key == bindparam("key"), tasks.c.started.is_not(None))
    .limit(1)
)
_LOG_NUMBER = (
    select(tasks.c.log_number)
    .where(tasks.c.run_id == bindparam("run_id"), tasks.c.key == bindparam("key"))
    .where(tasks.c.log_number.is_not(None))
    .limit(1)
)
