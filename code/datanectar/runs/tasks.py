"""The tasks of runs: what is reported of them, and where they are found again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import structs
from sqlalchemy import Connection, bindparam, func, select, update

from datanectar.database import Database, now
from datanectar.messages import TaskReport
from datanectar.runs.events import before_end
from datanectar.runs.records import Run, TaskRow
from datanectar.runs.tables import (
    RUN_COLUMNS,
    TASK_COLUMNS,
    StoreBase,
    has_status,
    runs,
    tasks,
    to_record,
)
from datanectar.statuses import ACTIVE, DONE, PENDING, RUNNING

_HAS_KEY = tasks.c.key == bindparam("key")
_BY_KEY = (
    select(*TASK_COLUMNS)
    .where(_HAS_KEY)
    .order_by(tasks.c.run_id.desc(), tasks.c.task_id)
    .limit(1)
)  # fmt: skip
_ACTIVE_RUN = (
    select(*RUN_COLUMNS)
    .join(tasks, tasks.c.run_id == runs.c.id)
    .where(_HAS_KEY, has_status(*ACTIVE))
    .limit(1)
)
_BEGUN = select(tasks.c.task_id).where(_HAS_KEY, tasks.c.started.is_not(None)).limit(1)
_LOG_NUMBER = (
    select(tasks.c.log_number)
    .where(_HAS_KEY, tasks.c.run_id == bindparam("run_id"), tasks.c.log_number.is_not(None))
    .limit(1)
)


_IN_ENGINE = (
    select(tasks.c.status, func.count())
    .join(runs, tasks.c.run_id == runs.c.id)
    .where(has_status(*ACTIVE), tasks.c.runs_on.is_not(None))
    .where(tasks.c.status.in_((PENDING, RUNNING)))
    .group_by(tasks.c.status)
)  # fmt: skip


class Tasks(StoreBase):
    """Look-ups of tasks, by run and by key."""

    def tasks(
        self,
        run_id: str,
        limit: int | None = None,
        first: str | None = None,
        fields: Collection[str] = (),
    ) -> list[TaskRow]:
        """Return the tasks of a run's graph, by task id.

        Args:
            limit: how many at most.
            first: the id of a task to put first, and so within the limit.
            fields: which of its fields a task has; none: all.
        """
        columns = [tasks.c[name] for name in fields] or TASK_COLUMNS
        query = select(*columns).where(tasks.c.run_id == run_id)
        if first is not None:
            query = query.order_by(tasks.c.task_id != first)
        query = query.order_by(tasks.c.task_id).limit(limit)
        with self._db.read() as connection:
            return [to_record(TaskRow, row) for row in connection.execute(query).mappings()]

    def task_by_key(self, key: str) -> TaskRow | None:
        """Return the task with that key in the newest run that has it, or None."""
        with self._db.read() as connection:
            row = connection.execute(_BY_KEY, {"key": key}).mappings().first()
            return to_record(TaskRow, row) if row else None

    def active_with_task(self, key: str) -> Run | None:
        """Return a run that is still to end and has a task with that key, or None."""
        with self._db.read() as connection:
            row = connection.execute(_ACTIVE_RUN, {"key": key}).mappings().first()
            return to_record(Run, row) if row else None

    def log_number(self, run_id: str, key: str) -> int | None:
        """Return which of a key's logs was written in a run; None: none, or it is not known."""
        with self._db.read() as connection:
            return connection.execute(_LOG_NUMBER, {"run_id": run_id, "key": key}).scalar()

    def has_made(self, key: str) -> bool:
        """Tell whether a task with that key was started in any run, and may have made its result."""
        with self._db.read() as connection:
            return connection.execute(_BEGUN, {"key": key}).first() is not None

    def engine_counts(self) -> dict[str, int]:
        """Return how many tasks of active runs wait at a cluster (PENDING), and how many run there."""
        with self._db.read() as connection:
            counts = {row.status: row[1] for row in connection.execute(_IN_ENGINE)}
        return {status: counts.get(status, 0) for status in (PENDING, RUNNING)}


def write_reports(
    database: Database, connection: Connection, run_id: str, reports: Sequence[TaskReport]
) -> None:
    """Write reports over what is known of a run's tasks; a field that is None changes nothing."""
    if not reports:
        return
    insert = database.insert(tasks)
    news = {
        name: func.coalesce(insert.excluded[name], tasks.c[name])
        for name in TaskReport.__struct_fields__
        if name != "task_id"
    }
    upsert = insert.on_conflict_do_update(index_elements=["run_id", "task_id"], set_=news)
    connection.execute(upsert, [{"run_id": run_id, **structs.asdict(each)} for each in reports])


def requeue_tasks(connection: Connection, run_id: str) -> None:
    """Let the tasks that ran wait again, as their run does."""
    running = update(tasks).where(tasks.c.run_id == run_id, tasks.c.status == RUNNING)
    connection.execute(running.values(status=PENDING, started=None))


@before_end
def end_tasks(connection: Connection, run: Run) -> None:
    """End the tasks that still run as their run did.

    In a DONE run those that wait are done as well: an assisting worker had no time to report them.
    """
    unended = (RUNNING, PENDING) if run.status == DONE else (RUNNING,)
    which = update(tasks).where(tasks.c.run_id == run.id, tasks.c.status.in_(unended))
    connection.execute(which.values(status=run.status, finished=now()))
