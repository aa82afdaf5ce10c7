"""The store of pins, and of the leases on chores, in the database of the run store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, func, or_, select, update

from datanectar.backfills.tables import backfills
from datanectar.database import now
from datanectar.retention.tables import chores, pins
from datanectar.runs.records import Run
from datanectar.runs.tables import RUN_COLUMNS, StoreBase, has_status, runs, to_record
from datanectar.statuses import ACTIVE

_NEWEST = select(
    *(select(func.max(table.c.id)).scalar_subquery() for table in (runs, backfills)),
    exists().where(has_status(*ACTIVE)),
)


@dataclass(frozen=True)
class Pin:
    """A key whose result is kept, why, and since when (a Unix stamp)."""

    key: str
    reason: str
    created: float


class RetentionStore(StoreBase):
    """Pins and chores. Any method may raise :class:`~datanectar.errors.Unavailable`."""

    def pin(self, keys: Sequence[str], reason: str) -> None:
        """Keep the results of these keys; one that is pinned already gets the new reason."""
        with self._db.write() as connection:
            for key in keys:
                pin = self._db.insert(pins).values(key=key, reason=reason, created=now())
                again = {"reason": pin.excluded.reason}
                connection.execute(pin.on_conflict_do_update(index_elements=["key"], set_=again))

    def unpin(self, keys: Sequence[str]) -> list[str]:
        """Let the results of these keys go when they are old; return those that were pinned."""
        gone = delete(pins).where(pins.c.key.in_(keys)).returning(pins.c.key)
        with self._db.write() as connection:
            return sorted(connection.execute(gone).scalars())

    def pins(self) -> list[Pin]:
        """Return all pins, by key."""
        with self._db.read() as connection:
            rows = connection.execute(select(pins.c.key, pins.c.reason, pins.c.created))
            return sorted((Pin(*row) for row in rows), key=lambda pin: pin.key)

    def active_runs(self, after: str) -> list[Run]:
        """Return the runs that are still to end, of those whose ids come after ``after``."""
        query = select(*RUN_COLUMNS).where(has_status(*ACTIVE), runs.c.id > after)
        with self._db.read() as connection:
            return [to_record(Run, row) for row in connection.execute(query).mappings()]

    def newest(self) -> tuple[tuple[str, str], bool]:
        """Return the ids of the newest run and backfill, and whether any run is still to end."""
        with self._db.read() as connection:
            row = connection.execute(_NEWEST).one()
        return (row[0] or "", row[1] or ""), bool(row[2])

    def begin(self, chore: str, owner: str, seconds: float, every: float = 0.0) -> bool:
        """Return True to the one caller, of all processes, that is to do a chore now.

        Args:
            chore: its name.
            owner: the caller.
            seconds: for how long no other may begin it; :meth:`begin` by the same owner renews that.
            every: seconds since it was last done within which there is nothing to do.
        """
        new = self._db.insert(chores).values(name=chore).on_conflict_do_nothing()
        columns = chores.c
        free = or_(columns.owner.is_(None), columns.owner == owner, columns.held_until < now())
        is_due = or_(columns.done.is_(None), columns.done <= now() - every)
        held = update(chores).where(columns.name == chore, free, is_due)
        with self._db.write() as connection:
            connection.execute(new)
            values = {"owner": owner, "held_until": now() + seconds}
            return connection.execute(held.values(values)).rowcount == 1

    def end(self, chore: str, owner: str, *, done: bool) -> None:
        """Let others begin a chore; ``done``: it is done as of now."""
        held = update(chores).where(chores.c.name == chore, chores.c.owner == owner)
        values = {"owner": None, "held_until": None, **({"done": now()} if done else {})}
        with self._db.write() as connection:
            connection.execute(held.values(values))
