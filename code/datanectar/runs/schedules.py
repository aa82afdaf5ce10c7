"""Which schedules have fired when: each fire happens once, however many processes see it due.

A fire that can't be accepted at once is owed: it outlives the worker that has undertaken it. All
times are Unix stamps in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from datanectar.runs.database import COUNTED, Part
from datanectar.runs.tables import schedule_fires


@dataclass(frozen=True)
class Fire:
    """A fire of a schedule, and until when it is to be started."""

    schedule: str
    fire_time: float
    owed_until: float


class Schedules(Part):
    """The fires of schedules."""

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
            owed_until: until when it is to be started; None: there is nothing to start.
            held_until: until when nobody but the caller is to try.
        """
        fire = self._db.insert(schedule_fires).values(
            schedule=schedule, fire_time=fire_time, owed_until=owed_until, held_until=held_until
        )
        once = fire.on_conflict_do_nothing()
        with self._db.write() as connection:
            return connection.execute(once, execution_options=COUNTED).rowcount == 1

    def owed_fires(self) -> list[Fire]:
        """Return the fires that are still to be started, whoever holds them."""
        columns = schedule_fires.c
        owed = select(columns.schedule, columns.fire_time, columns.owed_until)
        with self._db.read() as connection:
            rows = connection.execute(owed.where(columns.owed_until.is_not(None)))
            return [Fire(*row) for row in rows]

    def hold_fire(self, fire: Fire, held_before: float, held_until: float) -> bool:
        """Take a fire that is owed, or keep it; return whether it is the caller's.

        Args:
            held_before: the fire is free if its holder held it until before this; the caller's own
                present hold ends there.
            held_until: until when nobody else is to try.
        """
        held = schedule_fires.c.held_until
        free = or_(held.is_(None), held <= held_before)
        taken = update(schedule_fires).where(_is(fire), free).values(held_until=held_until)
        with self._db.write() as connection:
            return connection.execute(taken).rowcount == 1

    def settle_fire(self, fire: Fire) -> None:
        """Note that a fire needs no more seeing to."""
        settled = update(schedule_fires).where(_is(fire)).values(owed_until=None, held_until=None)
        with self._db.write() as connection:
            connection.execute(settled)

    def last_fire(self, schedule: str) -> float | None:
        """Return when the schedule was last due and claimed, or None if never."""
        last = select(func.max(schedule_fires.c.fire_time))
        with self._db.read() as connection:
            return connection.execute(last.where(schedule_fires.c.schedule == schedule)).scalar()


def _is(fire: Fire) -> ColumnElement[bool]:
    return and_(
        schedule_fires.c.schedule == fire.schedule,
        schedule_fires.c.fire_time == fire.fire_time,
        schedule_fires.c.owed_until.is_not(None),
    )
