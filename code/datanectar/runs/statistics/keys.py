"""What became of many keys at once, as runs and the tasks of runs show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Column, ColumnElement, Connection, case, func, select

from datanectar.database import Database
from datanectar.runs.statistics.recent import NAMES, Path
from datanectar.runs.tables import StoreBase, as_json, runs, tasks
from datanectar.statuses import ACTIVE, DONE, PENDING, RUNNING

#: Keys in one statement: fewer than SQLite's 32,766 variables.
_AT_A_TIME = 1000

# A task whose result was there before its run reports neither parameters nor times.
_IS_ROOT = runs.c.key == tasks.c.key
_FACTS = (
    func.coalesce(tasks.c.params, case((_IS_ROOT, runs.c.public_params))),
    tasks.c.run_id,
    func.coalesce(tasks.c.finished, case((_IS_ROOT, runs.c.finished))),
    func.coalesce(tasks.c.storage, runs.c.storage),
    tasks.c.output,
    tasks.c.results,
    tasks.c.storage.is_not(None),
)


@dataclass(frozen=True)
class KeyState:
    """The latest that is known of a key: its status, in which run, and since when (a Unix stamp).

    ``is_root``: the key is the run's own, not that of a task which the run required.
    """

    status: str
    run_id: str
    task_id: str
    is_root: bool
    finished: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class TaskKey:
    """A key of a task, as the latest run that has it knows it.

    ``status`` is the task's in that run, ``made`` when it ended (a Unix stamp), ``params`` are public.

    ``storage``, ``output`` and ``results`` are those of the task; ``is_reported`` is False where a
    version reported it that did not record them.
    """

    key: str
    status: str
    params: dict[str, str]
    run_id: str
    made: float | None
    storage: str
    output: str | None = None
    results: list[str] = field(default_factory=list)
    is_reported: bool = True


class KeyStates(StoreBase):
    """Look-ups of many keys, by the indexes of keys: their cost does not grow with the runs there are."""

    def key_states(self, keys: Sequence[str]) -> dict[str, KeyState]:
        """Return what is known of each key; one that no run has begun is left out."""
        found: dict[str, KeyState] = {}
        with self._db.read() as connection:
            for begin in range(0, len(keys), _AT_A_TIME):
                part = keys[begin : begin + _AT_A_TIME]
                found |= _of_tasks(connection, part)
                for key, state in _of_runs(connection, part).items():
                    if key not in found or state.run_id >= found[key].run_id:
                        found[key] = state
        return found

    def ran_params(self, path: Path, limit: int) -> list[dict[str, str]]:
        """Return the public parameters of the last runs of a task, newest first."""
        own = (runs.c[name] == value for name, value in zip(NAMES, path, strict=True))
        query = select(runs.c.public_params).where(*own).order_by(runs.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def newest_keys(self, prefix: str, parts: Iterable[str], limit: int) -> list[TaskKey]:
        """Return the keys of a task that ran last, newest first.

        Args:
            prefix: what the keys begin with.
            parts: texts that a key's parameters hold, somewhere in their JSON.
            limit: how many at most.
        """
        holds = [self._db.contains(tasks.c.params, as_json(part)[1:-1]) for part in parts]
        newest = (
            select(tasks.c.key, func.max(tasks.c.run_id).label("run_id"))
            .where(_begins_with(self._db, tasks.c.key, prefix), *holds)
            .group_by(tasks.c.key)
            .order_by(func.max(tasks.c.run_id).desc())
            .limit(limit)
            .subquery()
        )
        is_newest = (tasks.c.key == newest.c.key) & (tasks.c.run_id == newest.c.run_id)
        query = (
            select(tasks.c.key, tasks.c.status, *_FACTS)
            .join_from(newest, tasks, is_newest)
            .join(runs, runs.c.id == tasks.c.run_id)
            .order_by(tasks.c.run_id.desc())
        )
        with self._db.read() as connection:
            rows = connection.execute(query)
            return [
                TaskKey(
                    key, status or PENDING, params or {}, run, made, storage, file, at or [], told
                )
                for key, status, params, run, made, storage, file, at, told in rows
            ]


def _begins_with(database: Database, column: Column[str], text: str) -> ColumnElement[bool]:
    """Return the condition that a column begins with a text, with the same case.

    SQLite finds these by the column's index, as a range; PostgreSQL where its texts are compared byte
    by byte (collation ``C``): else it reads the table.
    """
    if database.is_sqlite:
        return (column >= text) & (column < text[:-1] + chr(ord(text[-1]) + 1))
    return column.startswith(text, autoescape=True)


def _of_runs(connection: Connection, keys: Sequence[str]) -> dict[str, KeyState]:
    """Return the latest runs that were for the keys themselves."""
    newest = select(func.max(runs.c.id)).where(runs.c.key.in_(keys)).group_by(runs.c.key)
    columns = (runs.c.key, runs.c.status, runs.c.id, runs.c.task_id, runs.c.finished, runs.c.error)
    rows = connection.execute(select(*columns).where(runs.c.id.in_(newest)))
    return {
        key: KeyState(status, id, task_id, True, finished, error)
        for key, status, id, task_id, finished, error in rows
    }


def _of_tasks(connection: Connection, keys: Sequence[str]) -> dict[str, KeyState]:
    """Return the latest of the tasks that had the keys; one that its run never reached is left out."""
    newest = (
        select(tasks.c.key, func.max(tasks.c.run_id).label("run_id"))
        .where(tasks.c.key.in_(keys))
        .group_by(tasks.c.key)
        .subquery()
    )
    is_newest = (tasks.c.key == newest.c.key) & (tasks.c.run_id == newest.c.run_id)
    columns = (tasks.c.key, tasks.c.status, tasks.c.run_id, tasks.c.task_id)
    rows = connection.execute(
        select(*columns, tasks.c.finished, tasks.c.error, runs.c.status)
        .join_from(newest, tasks, is_newest)
        .join(runs, runs.c.id == tasks.c.run_id)
    )
    return {
        key: KeyState(status or PENDING, run_id, task_id, False, finished, error)
        for key, status, run_id, task_id, finished, error, of_run in rows
        if of_run in (*ACTIVE, DONE) or status not in (None, PENDING, RUNNING)
    }
