"""The fires of schedules: each happens once, in however many processes it comes due.

A fire whose run can't be accepted at once stays owed, whatever becomes of the worker that claimed
it. Times are Unix stamps in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from datanectar.runs.tables import StoreBase, schedule_fires, schedule_switches


@dataclass(frozen=True)
class Fire:
    """A fire of a schedule, and until when its run may be started."""

    schedule: str
    fire_time: float
    owed_until: float


@dataclass(frozen=True)
class Switch:
    """Whether a task's schedule is paused, and when that was changed."""

    paused: bool
    changed: float


class Schedules(StoreBase):
    """Claiming fires, settling what is owed, and pausing."""

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

    def settle_fire(self, fire: Fire, run_id: str | None = None) -> None:
        """Note that nothing is owed for a fire any more, and the run that it led to."""
        settled = update(schedule_fires).where(_is(fire))
        settled = settled.values(owed_until=None, held_until=None, run_id=run_id)
        with self._db.write() as connection:
            connection.execute(settled)

    def last_fire(self, schedule: str) -> float | None:
        """Return the time of the schedule's last fire that was claimed, or None."""
        last = select(func.max(schedule_fires.c.fire_time))
        with self._db.read() as connection:
            return connection.execute(last.where(schedule_fires.c.schedule == schedule)).scalar()

    def last_scheduled_run(self, schedule: str) -> str | None:
        """Return the id of the run that the schedule's last fire with a run led to, or None."""
        columns = schedule_fires.c
        fires = select(columns.run_id).where(columns.schedule == schedule)
        fires = fires.where(columns.run_id.is_not(None)).order_by(columns.fire_time.desc())
        with self._db.read() as connection:
            return connection.execute(fires.limit(1)).scalar()

    def switch_schedule(self, task: str, paused: bool, changed: float) -> Switch:
        """Pause or resume the schedule of a task (``type/chain/Task``) at the stamp ``changed``.

        One that is so already stays as it is.
        """
        switch = self._db.insert(schedule_switches).values(
            task=task, paused=paused, changed=changed
        )
        upsert = switch.on_conflict_do_update(
            index_elements=["task"],
            set_={"paused": paused, "changed": changed},
            where=schedule_switches.c.paused != paused,
        )
        with self._db.write() as connection:
            connection.execute(upsert)
        return self.schedule_switches()[task]

    def schedule_switches(self) -> dict[str, Switch]:
        """Return what has been paused or resumed, by task."""
        columns = schedule_switches.c
        with self._db.read() as connection:
            rows = connection.execute(select(columns.task, columns.paused, columns.changed))
            return {row.task: Switch(row.paused, row.changed) for row in rows}


def _is(fire: Fire) -> ColumnElement[bool]:
    return and_(
        schedule_fires.c.schedule == fire.schedule,
        schedule_fires.c.fire_time == fire.fire_time,
        schedule_fires.c.owed_until.is_not(None),
    )
