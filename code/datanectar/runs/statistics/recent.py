"""The last runs of many tasks at once, and how far the runs of now have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, func, select

from datanectar.runs.tables import StoreBase, runs, tasks
from datanectar.statuses import DONE, FAILED

#: A task by type, chain and name.
Path = tuple[str, str, str]
NAMES = ("type", "chain", "task")


@dataclass(frozen=True)
class Brief:
    """The few fields of a run that tables and charts of many runs need; times are Unix stamps."""

    id: str
    status: str
    created: float
    started: float | None = None
    finished: float | None = None
    attempt: int = 0
    error: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it ran, of a run that was made and has ended."""
        if self.started is None or self.finished is None:
            return None
        return max(0.0, self.finished - self.started)


@dataclass(frozen=True)
class Progress:
    """How many tasks of a run are done and have failed, and what the run's own task says."""

    total: int = 0
    done: int = 0
    failed: int = 0
    percent: int | None = None
    message: str | None = None


_BRIEF = tuple(runs.c[name] for name in Brief.__dataclass_fields__)
_OF_TASK = (
    select(*_BRIEF)
    .where(*(runs.c[name] == bindparam(name) for name in NAMES))
    .order_by(runs.c.id.desc())
    .limit(bindparam("most"))
)


class Recent(StoreBase):
    """Look-ups for pages about many tasks."""

    def recent(self, paths: Sequence[Path], limit: int) -> dict[Path, list[Brief]]:
        """Return the last ``limit`` runs of each task, newest first; a task without runs has none."""
        found = {}
        with self._db.read() as connection:
            # One by one: a statement for all takes SQLAlchemy longer to build than these to execute.
            for path in paths:
                asked = {**dict(zip(NAMES, path, strict=True)), "most": limit}
                found[path] = [_brief(row) for row in connection.execute(_OF_TASK, asked)]
        return found

    def briefs(self, type: str, chain: str, task: str | None, limit: int) -> list[Brief]:
        """Return the last ``limit`` runs of a chain, or of one of its tasks, newest first."""
        query = select(*_BRIEF).where(runs.c.type == type, runs.c.chain == chain)
        if task is not None:
            query = query.where(runs.c.task == task)
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(runs.c.id.desc()).limit(limit))
            return [_brief(row) for row in rows]

    def progress_of(self, run_ids: Sequence[str]) -> dict[str, Progress]:
        """Return how far runs have come; a run that has reported no task yet is left out."""
        is_root = tasks.c.task_id == runs.c.task_id
        query = (
            select(
                tasks.c.run_id,
                func.count(),
                func.sum(case((tasks.c.status == DONE, 1), else_=0)),
                func.sum(case((tasks.c.status == FAILED, 1), else_=0)),
                func.max(case((is_root, tasks.c.progress))),
                func.max(case((is_root, tasks.c.message))),
            )
            .join(runs, runs.c.id == tasks.c.run_id)
            .where(tasks.c.run_id.in_(run_ids))
            .group_by(tasks.c.run_id)
        )
        with self._db.read() as connection:
            return {run_id: Progress(*row) for run_id, *row in connection.execute(query)}


def _brief(fields: Sequence[Any]) -> Brief:
    """Return a brief of a row; NULL becomes the field's default."""
    pairs = zip(Brief.__dataclass_fields__, fields, strict=True)
    return Brief(**{name: value for name, value in pairs if value is not None})
