"""How many runs of each task have ever ended, and how long they took: what ``/metrics`` counts.

Each end adds to one row, in the transaction that ends the run: the totals are the same in every
web, and a restart or a purge of the history does not set them back.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from datanectar.runs.events import before_end
from datanectar.runs.records import Run
from datanectar.runs.tables import StoreBase, run_totals

#: The upper bounds of the durations' buckets, in seconds; what takes longer is in ``+Inf``.
BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
#: The names of the buckets, from short to long.
BUCKETS = (*(f"{bound:g}" for bound in BOUNDS), "+Inf")
#: The bucket of runs that ended without having begun.
NOT_BEGUN = ""


@dataclass(frozen=True)
class EndedTotal:
    """How many runs of a task ended so, after a time in that bucket; ``seconds`` is their sum."""

    type: str
    chain: str
    task: str
    status: str
    bucket: str
    count: int
    seconds: float


class Ended(StoreBase):
    """Look-ups for the metrics."""

    def ended_totals(self) -> list[EndedTotal]:
        """Return the totals of all tasks, by name."""
        columns = [run_totals.c[name] for name in EndedTotal.__dataclass_fields__]
        with self._db.read() as connection:
            rows = connection.execute(select(*columns).order_by(*columns[:5]))
            return [EndedTotal(*row) for row in rows]


@before_end
def add_to_totals(connection: Connection, run: Run) -> None:
    """Count the end of a run."""
    taken = _seconds(run)
    row = {name: getattr(run, name) for name in ("type", "chain", "task", "status")}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(run_totals).values(
        **row, bucket=_bucket(taken), count=1, seconds=taken or 0.0
    )
    added = {name: run_totals.c[name] + insert.excluded[name] for name in ("count", "seconds")}
    connection.execute(
        insert.on_conflict_do_update(index_elements=run_totals.primary_key.columns, set_=added)
    )


def _seconds(run: Run) -> float | None:
    if run.started is None or run.finished is None:
        return None
    return max(0.0, run.finished - run.started)


def _bucket(seconds: float | None) -> str:
    """Return the bucket of a duration; a bound belongs to the bucket that it ends."""
    return NOT_BEGUN if seconds is None else BUCKETS[bisect.bisect_left(BOUNDS, seconds)]
