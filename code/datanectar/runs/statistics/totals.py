"""How many runs there are of each status."""

from __future__ import annotations

from sqlalchemy import func, select

from datanectar.runs.history import History, RunFilters
from datanectar.runs.tables import has_status, runs
from datanectar.statuses import PENDING

#: So many runs at most are counted.
COUNTED = 10_000

_WAITING_SINCE = select(func.min(runs.c.queued)).where(has_status(PENDING))


class Totals(History):
    """The history with its totals."""

    def status_counts(self, filters: RunFilters) -> dict[str, int]:
        """Return how many runs that pass the filters have each status, among the newest :data:`COUNTED`."""
        newest = select(runs.c.status).where(*self.conditions(filters)).order_by(runs.c.id.desc())
        counted = newest.limit(COUNTED).subquery()
        query = select(counted.c.status, func.count()).group_by(counted.c.status)
        with self._db.read() as connection:
            return dict(connection.execute(query).tuples().all())

    def waiting_since(self) -> float | None:
        """Return when the run that waits longest was queued, a Unix stamp; None when none waits."""
        with self._db.read() as connection:
            return connection.execute(_WAITING_SINCE).scalar()
