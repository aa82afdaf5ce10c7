"""The fires of schedules: each happens once, in however many processes it comes due.

A fire whose run can't be accepted at once stays owed, whatever becomes of the worker that claimed
it. Times are Unix stamps in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from datanectar.runs.tables import StoreBase, schedule_fires


@dataclass(frozen=True)
class Fire:
    """A fire of a schedule, and until when its run may be started."""

    schedule: str
    fire_time: float
    owed_until: float


class Schedules(StoreBase):
    """Claiming fires, and settling what is owed."""

    def claim_fire(
        self,
        schedule: str,
        fire_time: float,
        owed_until: float | None = None,
        held_until: float | None = None,
    ) -> bool:
        """Return True to exactly one caller, of all processes, for this fire of this schedule.

        Args:
            schedule: the schedule's name.
            fire_time: when it is due; the same number in every process.
            owed_until: until when its run may be started; None: there is nothing to start.
            held_until: until when only the caller may try.
        """
        fire = self._db.insert(schedule_fires).values(
            schedule=schedule, fire_time=fire_time, owed_until=owed_until, held_until=held_until
        )
        once = fire.on_conflict_do_nothing().returning(schedule_fires.c.schedule)
        with self._db.write() as connection:
            return connection.execute(once).first() is not None

    def owed_fires(self) -> list[Fire]:
        """Return the fires whose runs are still to be started, whoever holds them."""
        columns = schedule_fires.c
        owed = select(columns.schedule, columns.fire_time, columns.owed_until)
        with self._db.read() as connection:
            rows = connection.execute(owed.where(columns.owed_until.is_not(None)))
            return [Fire(*row) for row in rows]

    def hold_fire(self, fire: Fire, held_before: float, held_until: float) -> bool:
        """Hold a fire that is owed, or go on holding it; return whether the caller holds it.

        Args:
            held_before: the fire is free if its hold ends by then; for the caller's own fire, the
                end of the present hold.
            held_until: until when only the caller may try.
        """
        held = schedule_fires.c.held_until
        free = or_(held.is_(None), held <= held_before)
        taken = update(schedule_fires).where(_is(fire), free).values(held_until=held_until)
        with self._db.write() as connection:
            return connection.execute(taken).rowcount == 1

    def settle_fire(self, fire: Fire) -> None:
        """Note that nothing is owed for a fire any more."""
        settled = update(schedule_fires).where(_is(fire)).values(owed_until=None, held_until=None)
        with self._db.write() as connection:
            connection.execute(settled)

    def last_fire(self, schedule: str) -> float | None:
        """Return the time of the schedule's last fire that was claimed, or None."""
        last = select(func.max(schedule_fires.c.fire_time))
        with self._db.read() as connection:
            return connection.execute(last.where(schedule_fires.c.schedule == schedule)).scalar()


def _is(fire: Fire) -> ColumnElement[bool]:
    return and_(
        schedule_fires.c.schedule == fire.schedule,
        schedule_fires.c.fire_time == fire.fire_time,
        schedule_fires.c.owed_until.is_not(None),
    )
