"""What has been: the list of runs, a run's tasks, and forgetting what is old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, func, select

from datanectar.errors import BadRequest
from datanectar.runs.database import Part
from datanectar.runs.ids import RUN_ID, first_id_after, first_id_since
from datanectar.runs.records import Run, TaskRow
from datanectar.runs.tables import (
    RUN_COLUMNS,
    TASK_COLUMNS,
    as_json,
    runs,
    schedule_fires,
    storable,
    tasks,
    to_run,
    to_task,
    workers,
)
from datanectar.statuses import ENDED

#: Runs deleted in one transaction: few enough that nobody waits for it.
_BATCH = 500


@dataclass(frozen=True)
class RunFilters:
    """Which runs to list; what is None lets all pass.

    ``since`` and ``until`` are Unix stamps, both inclusive, of when a run was accepted. ``param``
    has the text of parameters by name; each must match whole. Private parameters never match.
    """

    type: str | None = None
    chain: str | None = None
    task: str | None = None
    status: str | None = None
    key: str | None = None
    since: float | None = None
    until: float | None = None
    param: Mapping[str, str] = field(default_factory=dict)


class History(Part):
    """Runs and their tasks, newest first, and the end of their keeping."""

    def list_runs(
        self, filters: RunFilters, *, cursor: str | None, limit: int
    ) -> tuple[list[Run], str | None]:
        """Return a page of the runs that pass ``filters``, newest first.

        Paged by id and not by number: a page costs the same wherever it is, and a run that is
        accepted meanwhile shifts nothing.

        Args:
            cursor: what the page before returned with its runs; None for the first page.
            limit: how many runs a page has at most.

        Returns:
            The runs, and the cursor of the next page or None at the end.

        Raises:
            BadRequest: when the cursor is not one of ours.
        """
        if cursor is not None and not RUN_ID.match(cursor):
            raise BadRequest(
                f"{cursor[:100]!r} is not a cursor: send the one that came with the page before."
            )
        conditions = self._conditions(filters)
        if cursor is not None:
            conditions.append(runs.c.id < cursor)
        page = select(*RUN_COLUMNS).where(*conditions).order_by(runs.c.id.desc()).limit(limit + 1)
        with self._db.read() as connection:
            found = [to_run(row) for row in connection.execute(page).mappings()]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def tasks(
        self, run_id: str, limit: int | None = None, first: str | None = None
    ) -> list[TaskRow]:
        """Return the tasks of a run's graph, by task id.

        Args:
            limit: how many at most.
            first: the id of a task to be among them in any case; it is the first then.
        """
        wanted = select(*TASK_COLUMNS).where(tasks.c.run_id == run_id)
        if first is not None:
            wanted = wanted.order_by(tasks.c.task_id != first)
        wanted = wanted.order_by(tasks.c.task_id).limit(limit)
        with self._db.read() as connection:
            return [to_task(row) for row in connection.execute(wanted).mappings()]

    def purge(self, before: float) -> int:
        """Forget the runs that ended before the Unix stamp ``before``, and what belongs to them.

        Also forgets workers that went silent, and schedules' fires, before then; never the last
        fire of a schedule.

        Returns:
            How many runs were deleted.
        """
        deleted = 0
        while batch := self._purge_batch(before):
            deleted += batch
        with self._db.write() as connection:
            connection.execute(delete(workers).where(workers.c.heartbeat < before))
            connection.execute(delete(schedule_fires).where(*_old_fires(before)))
        return deleted

    def _purge_batch(self, before: float) -> int:
        # A run is accepted before it ends: with that, the primary key alone finds the old ones.
        old = (
            select(runs.c.id)
            .where(runs.c.id < first_id_since(before))
            .where(runs.c.status.in_(ENDED), runs.c.finished < before)
            .order_by(runs.c.id)
            .limit(_BATCH)
        )
        with self._db.write() as connection:
            ids = connection.execute(old).scalars().all()
            connection.execute(delete(tasks).where(tasks.c.run_id.in_(ids)))
            connection.execute(delete(runs).where(runs.c.id.in_(ids)))
        return len(ids)

    def _conditions(self, filters: RunFilters) -> list[ColumnElement[bool]]:
        conditions = [
            runs.c[name] == storable(getattr(filters, name))
            for name in ("type", "chain", "task", "status", "key")
            if getattr(filters, name) is not None
        ]
        # A run's id holds the time at which it was accepted, and is what the list is ordered by.
        if filters.since is not None:
            conditions.append(runs.c.id >= first_id_since(filters.since))
        if filters.until is not None:
            conditions.append(runs.c.id < first_id_after(filters.until))
        for name, value in filters.param.items():
            # No value can contain this text by accident: its own quotes are escaped in the JSON.
            pair = f"{as_json(name)}: {as_json(value)}"
            conditions.append(self._db.contains(runs.c.public_params, pair))
        return conditions


def _old_fires(before: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    later = schedule_fires.alias()
    last = select(func.max(later.c.fire_time)).where(later.c.schedule == schedule_fires.c.schedule)
    return schedule_fires.c.fire_time < before, schedule_fires.c.fire_time < last.scalar_subquery()
