"""Which tasks feed which, across all chains: what runs have recorded, without their parameters."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import FromClause, Text, func, or_, select, type_coerce

from datanectar.database import Database
from datanectar.lineage.edges import Edges, Pairs, newest_rows, pairs, path
from datanectar.lineage.results import FILE
from datanectar.runs.ids import first_id_since
from datanectar.runs.tables import has_status, runs, tasks
from datanectar.statuses import ACTIVE

#: So many tasks of the newest runs are read when the process has read none yet.
_MOST_ROWS = 100_000
#: Seconds that the clocks of hosts may differ, by which the ids of runs are made.
_CLOCKS_DIFFER = 60.0
_ACTIVE = select(runs.c.id).where(has_status(*ACTIVE)).limit(10_000)


@dataclass(frozen=True)
class TaskLineage:
    """Pairs of a required and a requiring task by ``<type>/<chain>/<Task>``.

    ``files`` has the addresses of the files of others that each reads, as one of its runs had them.
    """

    pairs: Pairs
    files: dict[str, list[str]]

    def of_types(self, types: Collection[str] | None) -> TaskLineage:
        """Return the part between tasks of chains of these types; None: all."""
        return self if types is None else self.where(lambda name: name.split("/")[0] in types)

    def where(self, is_kept: Callable[[str], bool]) -> TaskLineage:
        """Return the part between those tasks that a condition holds for."""
        kept = {(one, other) for one, other in self.pairs if is_kept(one) and is_kept(other)}
        return TaskLineage(kept, {name: at for name, at in self.files.items() if is_kept(name)})


class RecordedTasks:
    """Which tasks feed which, kept from one look to the next, which reads what has come since.

    Args:
        database: that of the run store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._edges, self._files = Edges(), dict[str, list[str]]()
        self._since, self._unended = "", list[str]()

    def now(self) -> TaskLineage:
        """Return what is known by now."""
        with self._lock:
            since, unended = first_id_since(time.time() - _CLOCKS_DIFFER), self._active()
            is_new = or_(tasks.c.run_id >= self._since, tasks.c.run_id.in_(self._unended))
            rows = newest_rows(is_new, _MOST_ROWS)
            self._edges.add(pairs(self._database, rows, by_key=False))
            self._files |= _files(self._database, rows)
            self._since, self._unended = since, unended
            return TaskLineage(self._edges.pairs(), dict(self._files))

    def _active(self) -> list[str]:
        """Return the ids of the runs that may still report tasks."""
        with self._database.read() as connection:
            return list(connection.execute(_ACTIVE).scalars())


def _files(database: Database, rows: FromClause) -> dict[str, list[str]]:
    """Return the addresses of files of others in the parameters of tasks, by the task's path."""
    params, name = type_coerce(rows.c.params, Text), path(rows)
    has_file = or_(*(database.contains(params, f"#{mark}=") for mark in ("etag", "modified")))
    query = select(name, func.max(params)).where(has_file, rows.c.key.is_not(None)).group_by(name)
    with database.read() as connection:
        return {row[0]: _addresses(json.loads(row[1])) for row in connection.execute(query)}


def _addresses(params: dict[str, str]) -> list[str]:
    found = (FILE.fullmatch(text) for text in params.values())
    return [match[1] for match in found if match]
