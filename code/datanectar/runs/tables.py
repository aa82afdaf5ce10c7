"""The run store's tables, its indexes, and how a row becomes a record.

Every question that HTTP or a worker asks has its index here; a question about active runs has a
partial one, whose size is the number of runs that are still to end and not the history's.
``migrations/versions`` makes the same tables; a test compares the two.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    literal_column,
    text,
)

from datanectar.runs.records import Run, TaskRow
from datanectar.statuses import PENDING

#: The newest revision in ``migrations/versions``: what this version of the code works with.
HEAD = "0005"

#: Ids are compared byte by byte, whatever language the database was made for.
ID_TYPE = Text().with_variant(Text(collation="C"), "postgresql")

#: Which runs are still to end, as the partial indexes below say it.
ACTIVE_CONDITION = "status IN ('PENDING', 'RUNNING')"

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", ID_TYPE, primary_key=True),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("public_params", Text, nullable=False),
    Column("run_time", Text, nullable=False),
    Column("storage", Text, nullable=False),
    Column("output", Text),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("run_timeout", Double),
    Column("started", Double),
    Column("finished", Double),
    Column("owner", Text),
    Column("error", Text),
    Column("traceback", Text),
    Column("failed_key", Text),
    Column("cancel_requested", Boolean, nullable=False),
    Column("scheduler_reachable", Boolean, nullable=False),
    Column("child_pid", Integer),
    Column("child_started", Double),
    # When the run last became PENDING, and until when its owner has promised a heartbeat.
    Column("queued", Double, nullable=False),
    Column("lease_until", Double),
    # Attempts that the run did not lose: a worker that was told to stop gave them back.
    Column("handed_back", Integer, nullable=False, server_default="0"),
    # JSON: names of the parameters that the request gave (NULL: not known, so all); addresses of
    # the root's outputs where they do not lie under its key.
    Column("given", Text),
    Column("results", Text),
)


def _index_where(condition: str, name: str, *columns: Column[Any], unique: bool = False) -> None:
    where = text(condition)
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


# One active run a key: the rule that makes two equal POSTs one run, kept by the database itself.
_index_where(ACTIVE_CONDITION, "uq_runs_active_key", runs.c.key, unique=True)
_index_where("status = 'PENDING'", "ix_runs_pending", runs.c.queued)
_index_where("status = 'RUNNING'", "ix_runs_running", runs.c.owner)
# The status is among the columns only to let SQLite see that this one beats ix_runs_key.
_index_where("status = 'DONE'", "ix_runs_done", runs.c.key, runs.c.status, runs.c.id)
# The filters of the history: each walks its runs newest first without sorting them.
for _column in (runs.c.key, runs.c.type, runs.c.chain, runs.c.task, runs.c.status):
    Index(f"ix_runs_{_column.name}", _column, runs.c.id)

tasks = Table(
    "tasks",
    metadata,
    Column("run_id", ID_TYPE, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("key", Text),
    Column("family", Text),
    Column("status", Text),
    Column("requires", Text),
    Column("started", Double),
    Column("finished", Double),
    Column("error", Text),
    Column("progress", Integer),
    Column("message", Text),
    Column("tracking_url", Text),
    # Of the log that the task wrote in this run: the N of the log.N that it becomes.
    Column("log_number", Integer),
    # Where the result lies: the store and the file under the key, or JSON of other addresses.
    Column("storage", Text),
    Column("output", Text),
    Column("results", Text),
    Column("traceback", Text),
)
Index("ix_tasks_key", tasks.c.key, tasks.c.run_id)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started", Double, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("heartbeat", Double, nullable=False),
)

schedule_fires = Table(
    "schedule_fires",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("fire_time", Double, primary_key=True),
    Column("owed_until", Double),
    Column("held_until", Double),
)


@dataclass(frozen=True)
class WorkerRow:
    """A worker process that has said it is alive, and when last (Unix stamp)."""

    id: str
    node: str
    pid: int
    pid_started: float
    slots: int
    heartbeat: float


#: The columns that make a :class:`~datanectar.runs.records.Run`, a ``TaskRow``, a :class:`WorkerRow`.
RUN_COLUMNS = tuple(runs.c[field.name] for field in dataclasses.fields(Run))
TASK_COLUMNS = tuple(tasks.c[field.name] for field in dataclasses.fields(TaskRow))
WORKER_COLUMNS = tuple(workers.c[field.name] for field in dataclasses.fields(WorkerRow))


_JSON_OF_RUN = ("params", "public_params", "given", "results")


def has_status(*statuses: str) -> ColumnElement[bool]:
    """Return the condition that a run is in one of ``statuses``, our own constants.

    Spelled out in the SQL rather than bound: a database uses a partial index only where it can
    see, as it plans, that the question implies the index's condition.
    """
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return runs.c.status == literals[0] if len(literals) == 1 else runs.c.status.in_(literals)


def to_run(row: RowMapping) -> Run:
    """Return the run that a row of :data:`RUN_COLUMNS` holds."""
    values: dict[str, Any] = dict(row)
    values["params"] = json.loads(values["params"])
    values["public_params"] = json.loads(values["public_params"])
    values["given"] = None if values["given"] is None else json.loads(values["given"])
    values["results"] = json.loads(values["results"] or "[]")
    return Run(**values)


def run_row(run: Run) -> dict[str, Any]:
    """Return the values of :data:`RUN_COLUMNS` that store the run."""
    row = dict(vars(run))
    return row | {name: as_json(row[name]) for name in _JSON_OF_RUN if row[name] is not None}


def to_task(row: RowMapping) -> TaskRow:
    """Return the task that a row of :data:`TASK_COLUMNS` holds; unsaid fields get their neutral value."""
    values: dict[str, Any] = dict(row)
    values["family"] = values["family"] or ""
    values["status"] = values["status"] or PENDING
    values["requires"] = json.loads(values["requires"] or "[]")
    values["results"] = json.loads(values["results"] or "[]")
    return TaskRow(**values)


def to_worker(row: RowMapping) -> WorkerRow:
    """Return the worker that a row of :data:`WORKER_COLUMNS` holds."""
    values: dict[str, Any] = dict(row)
    return WorkerRow(**values)


def as_json(value: Any) -> str:
    """Return ``value`` as the one JSON text it is stored as: keys in order, ASCII only."""
    return json.dumps(value, sort_keys=True)


def storable(value: str | None) -> str | None:
    """Return ``value`` without what a database can't hold: NUL characters and lone surrogates.

    An author's exception may have both in its words; they must not cost the run its end.
    """
    if value is None:
        return None
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
