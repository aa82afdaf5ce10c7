"""Which schedules have fired when: each fire happens once, however many processes see it due."""

from __future__ import annotations

from sqlalchemy import func, select

from datanectar.runs.database import COUNTED, Part
from datanectar.runs.tables import schedule_fires


class Schedules(Part):
    """The fires of schedules."""

    def claim_fire(self, schedule: str, fire_time: float) -> bool:
        """Return True to exactly one caller, of all processes, for this fire of this schedule.

        Args:
            schedule: the schedule's name.
            fire_time: the Unix stamp at which it is due; the same number in every process.
        """
        fire = self._db.insert(schedule_fires).values(schedule=schedule, fire_time=fire_time)
        once = fire.on_conflict_do_nothing()
        with self._db.write() as connection:
            return connection.execute(once, execution_options=COUNTED).rowcount == 1

    def last_fire(self, schedule: str) -> float | None:
        """Return when the schedule was last due and claimed (Unix stamp), or None if never."""
        last = select(func.max(schedule_fires.c.fire_time))
        with self._db.read() as connection:
            return connection.execute(last.where(schedule_fires.c.schedule == schedule)).scalar()
