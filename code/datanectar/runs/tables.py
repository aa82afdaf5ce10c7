"""The run store's tables and indexes, and how a row becomes a record.

Every question that HTTP or a worker asks has its index here. Questions about active runs have
partial ones, which stay as small as the number of runs that are still to end.
``migrations/versions`` makes the same tables; a test compares the two.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    TypeDecorator,
    literal_column,
    text,
)

from datanectar.database import Database
from datanectar.runs.records import Run, TaskRow, WorkerRow

Record = TypeVar("Record", Run, TaskRow, WorkerRow)


class StoreBase:
    """The base of the run store's mixins, which share one database.

    A statement that is executed often is a constant of its module: to build one takes SQLAlchemy
    several times what SQLite takes to execute it.
    """

    def __init__(self, database: Database) -> None:
        self._db = database


class SafeText(TypeDecorator[str]):
    """Text, stored without what a database can't hold: NUL characters and lone surrogates.

    An author's exception may have both in its message.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as it is stored."""
        if value is None:
            return None
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class Json(TypeDecorator[Any]):
    """A value of JSON's types, stored as its text (:func:`as_json`)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text as it is stored."""
        return None if value is None else as_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value that the text is of."""
        return None if value is None else json.loads(value)


#: The newest revision in ``migrations/versions``: what this version of the code works with.
HEAD = "0017"

#: Run ids are compared byte by byte, in whatever language the database was made.
ID_TYPE = Text().with_variant(Text(collation="C"), "postgresql")

#: Which runs are still to end, as the partial indexes below have it.
ACTIVE_CONDITION = "status IN ('PENDING', 'RUNNING')"
#: Which runs a backfill has started.
OF_BACKFILL = "\"trigger\" LIKE 'backfill %'"

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", ID_TYPE, primary_key=True),
    Column("key", SafeText, nullable=False),
    Column("type", SafeText, nullable=False),
    Column("chain", SafeText, nullable=False),
    Column("task", SafeText, nullable=False),
    Column("task_id", SafeText, nullable=False),
    Column("params", Json, nullable=False),
    Column("public_params", Json, nullable=False),
    Column("run_time", SafeText, nullable=False),
    Column("storage", SafeText, nullable=False),
    Column("output", SafeText),
    Column("status", SafeText, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("trigger", SafeText, nullable=False),
    Column("width", Integer, nullable=False),
    Column("run_timeout", Double),
    Column("started", Double),
    Column("finished", Double),
    Column("owner", SafeText),
    Column("error", SafeText),
    Column("traceback", SafeText),
    Column("failed_key", SafeText),
    Column("cancel_requested", Boolean, nullable=False),
    Column("scheduler_reachable", Boolean, nullable=False),
    Column("child_pid", Integer),
    Column("child_started", Double),
    # When the run last became PENDING; until when its owner's lease is valid. No fields of Run.
    Column("queued", Double, nullable=False),
    Column("lease_until", Double),
    # Attempts that the run did not lose: a worker that was stopped gave them back.
    Column("handed_back", Integer, nullable=False, server_default="0"),
    # Names of the parameters in the request (NULL: not known, so all); addresses of the root's
    # outputs outside its key.
    Column("given", Json),
    Column("results", Json),
    Column("requested_by", SafeText),
    Column("traceparent", SafeText),
)


def _index_where(condition: str, name: str, *columns: Column[Any], unique: bool = False) -> None:
    where = text(condition)
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


# One active run per key: the database itself makes two equal POSTs one run.
_index_where(ACTIVE_CONDITION, "uq_runs_active_key", runs.c.key, unique=True)
_index_where("status = 'PENDING'", "ix_runs_pending", runs.c.queued)
_index_where("status = 'RUNNING'", "ix_runs_running", runs.c.owner)
# With the status among the columns, SQLite prefers this index to ix_runs_key.
_index_where("status = 'DONE'", "ix_runs_done", runs.c.key, runs.c.status, runs.c.id)
_index_where(OF_BACKFILL, "ix_runs_backfill", runs.c.trigger, runs.c.id)
# The filters of the history: each finds its runs newest first, without a sort.
for _column in (runs.c.key, runs.c.type, runs.c.chain, runs.c.task, runs.c.status):
    Index(f"ix_runs_{_column.name}", _column, runs.c.id)
# The last runs of each task, for the pages of many.
Index("ix_runs_path", runs.c.type, runs.c.chain, runs.c.task, runs.c.id)

tasks = Table(
    "tasks",
    metadata,
    Column("run_id", ID_TYPE, primary_key=True),
    Column("task_id", SafeText, primary_key=True),
    Column("key", SafeText),
    Column("family", SafeText),
    Column("status", SafeText),
    Column("requires", Json),
    Column("started", Double),
    Column("finished", Double),
    Column("error", SafeText),
    Column("progress", Integer),
    Column("message", SafeText),
    Column("tracking_url", SafeText),
    # The N of log.N, the later name of the log that the task wrote in this run.
    Column("log_number", Integer),
    # Where the result is: the store and the file under the key, or other addresses.
    Column("storage", SafeText),
    Column("output", SafeText),
    Column("results", Json),
    Column("traceback", SafeText),
    # Where it ran, unless on the host of its run: "dask", then "dask <worker>".
    Column("runs_on", SafeText),
    # The texts of its public parameters; long ones are cut.
    Column("params", Json),
    # What it took: bytes, and seconds on the CPU.
    Column("peak_memory", BigInteger),
    Column("cpu_time", Double),
)
Index("ix_tasks_key", tasks.c.key, tasks.c.run_id)

workers = Table(
    "workers",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("node", SafeText, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started", Double, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("heartbeat", Double, nullable=False),
    # NULL: of a version before these columns, which can't be told to drain.
    Column("version", SafeText),
    Column("draining", Boolean),
)

schedule_fires = Table(
    "schedule_fires",
    metadata,
    Column("schedule", SafeText, primary_key=True),
    Column("fire_time", Double, primary_key=True),
    Column("owed_until", Double),
    Column("held_until", Double),
    Column("run_id", ID_TYPE),
)

# What has been paused or resumed, by task (type/chain/Task), and when.
schedule_switches = Table(
    "schedule_switches",
    metadata,
    Column("task", SafeText, primary_key=True),
    Column("paused", Boolean, nullable=False),
    Column("changed", Double, nullable=False),
)

# How many runs of each task have ever ended, and how long they took: never less, whatever is purged.
run_totals = Table(
    "run_totals",
    metadata,
    *(
        Column(name, SafeText, primary_key=True)
        for name in ("type", "chain", "task", "status", "bucket")
    ),
    Column("count", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
)


#: The columns of :class:`~datanectar.runs.records.Run`, ``TaskRow`` and ``WorkerRow``.
RUN_COLUMNS = tuple(runs.c[field.name] for field in dataclasses.fields(Run))
TASK_COLUMNS = tuple(tasks.c[field.name] for field in dataclasses.fields(TaskRow))
WORKER_COLUMNS = tuple(workers.c[field.name] for field in dataclasses.fields(WorkerRow))


def to_record(cls: type[Record], row: RowMapping) -> Record:
    """Return the record that a row of its columns holds; NULL becomes the field's default."""
    return cls(**{name: value for name, value in row.items() if value is not None})


def has_status(*statuses: str) -> ColumnElement[bool]:
    """Return the condition that a run has one of ``statuses``, our own constants.

    They are literals in the SQL: a database uses a partial index only where it can see, as it
    plans, that the question implies the index's condition.
    """
    literals: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in statuses]
    return runs.c.status == literals[0] if len(literals) == 1 else runs.c.status.in_(literals)


def as_json(value: Any) -> str:
    """Return the JSON text that ``value`` is stored as: keys in order, ASCII only."""
    return json.dumps(value, sort_keys=True)
