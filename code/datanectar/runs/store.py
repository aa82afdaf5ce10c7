"""The run store: every accepted run, written before its request is answered.

Its methods are in mixins, each in a module of its own: what workers do in
:mod:`datanectar.runs.leases`, a run's tasks in :mod:`datanectar.runs.tasks`, lists and clean-up in
:mod:`datanectar.runs.history`, schedules in :mod:`datanectar.runs.schedules`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, text, update

from datanectar.database import Database, now
from datanectar.errors import TooManyRuns
from datanectar.messages import Outcome, TaskReport
from datanectar.runs.events import end_run
from datanectar.runs.history import RunFilters
from datanectar.runs.ids import RUN_ID, made_at, new_id
from datanectar.runs.leases import Leases
from datanectar.runs.migrations import migrate
from datanectar.runs.records import NewRun, Run
from datanectar.runs.schedules import Schedules
from datanectar.runs.statistics.ended import Ended
from datanectar.runs.statistics.keys import KeyStates
from datanectar.runs.statistics.recent import Recent
from datanectar.runs.statistics.totals import Totals
from datanectar.runs.tables import ACTIVE_CONDITION, RUN_COLUMNS, has_status, runs, to_record
from datanectar.runs.tasks import Tasks, write_reports
from datanectar.statuses import ACTIVE, CANCELLED, DONE, PENDING, RUNNING

__all__ = ["OnNew", "RunFilters", "RunStore"]

#: Seconds after which a client that was refused may ask again.
_RETRY_AFTER = 10

OnNew = Callable[[Connection, Run], object]


def _newest(*conditions: ColumnElement[bool]) -> ColumnElement[str]:
    query = select(runs.c.id).where(*conditions).order_by(runs.c.id.desc()).limit(1)
    return query.correlate(None).scalar_subquery()


_RUN = select(*RUN_COLUMNS)
_BY_ID = _RUN.where(runs.c.id == bindparam("run_id"))
_HAS_KEY = runs.c.key == bindparam("key")
_ACTIVE = _RUN.where(_HAS_KEY, has_status(*ACTIVE))
_ACTIVE_ID = select(runs.c.id).where(_HAS_KEY, has_status(*ACTIVE)).scalar_subquery()
_LATEST = _RUN.where(runs.c.id == func.coalesce(_ACTIVE_ID.correlate(None), _newest(_HAS_KEY)))
_LATEST_DONE = _RUN.where(runs.c.id == _newest(_HAS_KEY, has_status(DONE)))
_COUNTS = {
    status: select(func.count()).select_from(runs).where(has_status(status))
    for status in (PENDING, RUNNING)
}


class RunStore(Leases, Tasks, Totals, Schedules, Recent, Ended, KeyStates):
    """The runs in a SQLite file or a PostgreSQL database.

    Safe to share between threads and to keep across a fork: connections are opened at the first
    use in each process. Any method may raise :class:`~datanectar.errors.Unavailable`.

    Args:
        url: ``sqlite:///<path>`` or ``postgresql://...``, as in ``Settings.database_url``.

    Raises:
        StartupError: when the URL is neither, or PostgreSQL's driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        super().__init__(self.database)

    def prepare(self) -> None:
        """Make the store ready at start: its folder, and its tables as this version has them.

        Safe in several processes at once; quick when there is nothing to do.

        Raises:
            StartupError: when it can't be reached, or a newer version wrote it.
        """
        migrate.prepare(self._db)

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        self._db.close()

    def accept(
        self, new: NewRun, *, max_queued: int, on_new: OnNew | None = None
    ) -> tuple[Run, bool]:
        """Store a new run as PENDING, unless one with its key is still to end.

        Args:
            max_queued: how many runs may wait.
            on_new: called in the transaction that stores a new run; what it raises undoes it.

        Returns:
            The run, and True when it is new; else the run that was there, and False.

        Raises:
            TooManyRuns: when ``max_queued`` runs wait already.
        """
        run = _pending(new)
        with self._db.write() as connection:
            # PostgreSQL may need another round: the run that was there has ended meanwhile.
            while not self._insert(connection, run):
                if active := _first(connection, _ACTIVE, key=run.key):
                    return active, False
            _refuse_if_full(connection, max_queued)  # which rolls the insert back
            if on_new is not None:
                on_new(connection, run)
            return run, True

    def refuse_if_full(self, max_queued: int) -> None:
        """Raise TooManyRuns when no run can be accepted now, since ``max_queued`` wait."""
        with self._db.read() as connection:
            _refuse_if_full(connection, max_queued, coming=1)

    def accept_done(self, new: NewRun) -> Run:
        """Store a run whose result was there before it: it is DONE at once, in no attempt.

        Its root is a task of it, which was not started.
        """
        run = _pending(new)
        run = dataclasses.replace(run, status=DONE, finished=run.created, params=run.public_params)
        root = TaskReport(
            run.task_id,
            key=run.key,
            family=f"{run.type}.{run.chain}.{run.task}",
            status=DONE,
            storage=run.storage,
            output=run.output,
            results=run.results,
        )
        with self._db.write() as connection:
            self._insert(connection, run)
            write_reports(self._db, connection, run.id, [root])
            return end_run(self._db, connection, run, Outcome(DONE))

    def request_cancel(self, run_id: str) -> Run | None:
        """Cancel a run: at once if it waits; if it runs, its owner learns by the next heartbeat.

        Returns:
            The run as it is then (one that has ended is unchanged), or None if there is none.
        """
        locked = _RUN.where(runs.c.id == run_id).with_for_update()
        with self._db.write() as connection:
            run = _first(connection, locked)
            if run is not None and run.status == PENDING:
                outcome = Outcome(CANCELLED, "Cancelled while it waited.")
                return end_run(self._db, connection, run, outcome)
            if run is not None and run.status == RUNNING:
                asked = update(runs).where(runs.c.id == run_id).values(cancel_requested=True)
                connection.execute(asked)
                return dataclasses.replace(run, cancel_requested=True)
            return run

    def get(self, run_id: str) -> Run | None:
        """Return the run, or None if there is none of that id."""
        return self._one(_BY_ID, run_id=run_id) if RUN_ID.match(run_id) else None

    def latest(self, key: str) -> Run | None:
        """Return the key's active run, else its newest, else None."""
        return self._one(_LATEST, key=key)

    def latest_done(self, key: str) -> Run | None:
        """Return the key's newest run that is DONE, or None."""
        return self._one(_LATEST_DONE, key=key)

    def waiting(self, limit: int, older_than_seconds: float = 0) -> list[str]:
        """Return ids of PENDING runs, longest waiting first.

        Args:
            limit: how many at most.
            older_than_seconds: only those that have waited longer than this.
        """
        query = select(runs.c.id).where(has_status(PENDING))
        if older_than_seconds > 0:
            query = query.where(runs.c.queued < now() - older_than_seconds)
        with self._db.read() as connection:
            ordered = query.order_by(runs.c.queued, runs.c.id).limit(limit)
            return list(connection.execute(ordered).scalars())

    def oldest_waiting_seconds(self) -> float:
        """Return for how many seconds the run that waits longest has waited; 0 when none waits."""
        oldest = select(now() - func.min(runs.c.queued)).where(has_status(PENDING))
        with self._db.read() as connection:
            return max(0.0, connection.execute(oldest).scalar() or 0.0)

    def active_counts(self) -> dict[str, int]:
        """Return how many runs are PENDING and how many RUNNING."""
        with self._db.read() as connection:
            return {status: _count(connection, status) for status in (PENDING, RUNNING)}

    def _insert(self, connection: Connection, run: Run) -> bool:
        """Insert a run; return False when another with its key is still to end."""
        insert = self._db.insert(runs).on_conflict_do_nothing(
            index_elements=["key"], index_where=text(ACTIVE_CONDITION)
        )
        inserted = insert.values(queued=now(), **vars(run)).returning(runs.c.id)
        return connection.execute(inserted).first() is not None

    def _one(self, query: Select[Any], **values: str) -> Run | None:
        with self._db.read() as connection:
            return _first(connection, query, **values)


def _pending(new: NewRun) -> Run:
    """Return a new PENDING run; it has the resolution's fields that a run has too."""
    run_id, fields = new_id(), {field.name for field in dataclasses.fields(Run)}
    resolved = structs.asdict(new.resolution)
    return Run(
        id=run_id,
        type=new.type,
        chain=new.chain,
        task=new.task,
        status=PENDING,
        attempt=0,
        created=made_at(run_id),
        trigger=new.trigger,
        requested_by=new.requested_by,
        traceparent=new.traceparent,
        **{name: value for name, value in resolved.items() if name in fields},
    )


def _refuse_if_full(connection: Connection, max_queued: int, coming: int = 0) -> None:
    if _count(connection, PENDING) + coming > max_queued:
        raise TooManyRuns(
            f"{max_queued} runs are waiting, as many as DATANECTAR_MAX_QUEUED allows: try again "
            "later, or ask whoever runs this service for more workers.",
            headers={"Retry-After": str(_RETRY_AFTER)},
        )


def _count(connection: Connection, status: str) -> int:
    return connection.execute(_COUNTS[status]).scalar_one()


def _first(connection: Connection, query: Select[Any], **values: str) -> Run | None:
    row = connection.execute(query, values).mappings().first()
    return to_record(Run, row) if row else None
