"""The history of runs: which of it is to go, and its removal in steps that hold up nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    false,
    func,
    or_,
    select,
)

from datanectar.backfills.tables import items
from datanectar.runs.ids import first_id_since
from datanectar.runs.tables import StoreBase, runs, schedule_fires, tasks
from datanectar.statuses import ENDED, RUNNING

#: Runs, and tasks of runs, that are deleted in one transaction at most, but for one run with more
#: tasks: so few that other writers need not wait long.
_RUNS_AT_ONCE, _TASKS_AT_ONCE = 500, 5000


@dataclass(frozen=True)
class RunLimits:
    """Which ended runs go: those that ended ``before`` a Unix stamp, and all but the newest ``most``.

    None is no limit. The names, unless None, are those of the runs that are looked at.
    """

    before: float | None = None
    most: int | None = None
    type: str | None = None
    chain: str | None = None
    task: str | None = None


@dataclass(frozen=True)
class OldRunsOfTask:
    """How many runs of a task go, and when the first of them ended (a Unix stamp)."""

    place: str
    count: int
    oldest: float


class OldRuns(StoreBase):
    """Finds and deletes ended runs, with their tasks."""

    def count(self, limits: RunLimits) -> list[OldRunsOfTask]:
        """Return what would be deleted, by task."""
        names = (runs.c.type, runs.c.chain, runs.c.task)
        with self._db.read() as connection:
            query = select(*names, func.count(), func.min(runs.c.finished))
            old = query.where(*_conditions(connection, limits)).group_by(*names).order_by(*names)
            rows = connection.execute(old)
            return [OldRunsOfTask("/".join(row[:3]), row[3], row[4] or 0.0) for row in rows]

    def bytes_a_run(self) -> float:
        """Return how many bytes of the store a run takes with its tasks and indexes, on average."""
        size = _SQLITE_BYTES if self._db.is_sqlite else _POSTGRES_BYTES
        with self._db.read() as connection:
            count = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            return float(connection.exec_driver_sql(size).scalar() or 0) / max(1, count)

    def purge(
        self,
        limits: RunLimits,
        rest: Callable[[float], object] = time.sleep,
        renew: Callable[[], object] = lambda: None,
    ) -> int:
        """Delete the runs, the oldest first.

        Args:
            limits: which.
            rest: called after each step with the seconds that it took: others write meanwhile.
            renew: called before each step.

        Returns:
            How many runs were deleted.
        """
        with self._db.read() as connection:
            conditions = _conditions(connection, limits)
        deleted, last = 0, ""
        while True:
            renew()
            began = time.monotonic()
            batch = self._delete_some([*conditions, runs.c.id > last])
            if not batch:
                return deleted
            deleted, last = deleted + len(batch), batch[-1]
            rest(time.monotonic() - began)

    def purge_fires(self, before: float) -> None:
        """Delete the fires of schedules before a Unix stamp; never the last one of a schedule."""
        later = schedule_fires.alias()
        last = select(func.max(later.c.fire_time))
        last = last.where(later.c.schedule == schedule_fires.c.schedule)
        is_old = schedule_fires.c.fire_time < before
        is_last = schedule_fires.c.fire_time == last.scalar_subquery()
        with self._db.write() as connection:
            connection.execute(delete(schedule_fires).where(is_old, ~is_last))

    def _delete_some(self, conditions: list[ColumnElement[bool]]) -> list[str]:
        oldest = select(runs.c.id).where(*conditions).order_by(runs.c.id).limit(_RUNS_AT_ONCE)
        with self._db.read() as connection:  # so that the search holds up no writer
            found = list(connection.execute(oldest).scalars())
            its_tasks = select(tasks.c.run_id, func.count()).where(tasks.c.run_id.in_(found))
            rows = connection.execute(its_tasks.group_by(tasks.c.run_id))
            counts = {row.run_id: row[1] for row in rows}
        batch = list(_first_with(found, counts))
        with self._db.write() as connection:
            connection.execute(delete(tasks).where(tasks.c.run_id.in_(batch)))
            connection.execute(delete(runs).where(runs.c.id.in_(batch)))
        return batch


def _first_with(run_ids: list[str], counts: dict[str, int]) -> Iterator[str]:
    """Yield the first of the runs, until they have as many tasks as one transaction may delete."""
    total = 0
    for run_id in run_ids:
        total += counts.get(run_id, 0)
        if total > _TASKS_AT_ONCE and run_id != run_ids[0]:
            return
        yield run_id


def _conditions(connection: Connection, limits: RunLimits) -> list[ColumnElement[bool]]:
    names = ("type", "chain", "task")
    conditions = [runs.c[n] == getattr(limits, n) for n in names if getattr(limits, n) is not None]
    # What a backfill in work has not noted yet would be run again.
    noted = select(items.c.run_id).where(items.c.status == RUNNING, items.c.run_id.is_not(None))
    conditions += [runs.c.status.in_(ENDED), runs.c.id.not_in(noted)]
    too_old: ColumnElement[bool] = false()
    last = ""
    if limits.before is not None:
        too_old = runs.c.finished < limits.before
        last = first_id_since(limits.before)  # a run is accepted before it ends
    if limits.most is not None:
        newest = select(runs.c.id).where(runs.c.status.in_(ENDED)).order_by(runs.c.id.desc())
        beyond = connection.execute(newest.offset(limits.most).limit(1)).scalar() or ""
        too_old = or_(too_old, runs.c.id <= beyond)
        last = max(last, beyond)
    return [*conditions, runs.c.id <= last, too_old]


#: Bytes of the database that are in use; and those of the tables of runs and tasks.
_SQLITE_BYTES = (
    "SELECT (page_count - freelist_count) * page_size "
    "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
)
_POSTGRES_BYTES = "SELECT pg_total_relation_size('runs') + pg_total_relation_size('tasks')"
