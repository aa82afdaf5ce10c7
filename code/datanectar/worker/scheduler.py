"""Starts scheduled runs: each fire of a schedule becomes one run, on however many workers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from datanectar.errors import DatanectarError, TooManyRuns, Unavailable
from datanectar.notifications.occasions import schedule_missed
from datanectar.notifications.store import WebhookStore
from datanectar.runs.schedules import Fire, Switch
from datanectar.service.schedules import Schedule, schedules_in
from datanectar.service.service import Accepted, Service
from datanectar.telemetry import traces
from datanectar.worker.telemetry.schedules import count_missed, count_passed_over

log = logging.getLogger(__name__)

#: Seconds after its time within which a fire is made up for when no worker was alive then; of
#: several that were missed, the last.
LATEST_START = 3600.0
#: With ``catch_up = "all"``: how many missed fires are made up for, and for how many seconds a fire
#: stays owed while the queue is full.
MOST_MISSED = 1000
_ALL_OWED = 7 * 86_400.0
#: With ``catch_up = "none"``: seconds after its time from which a fire counts as missed.
_MISSED = 60.0
#: Seconds between two looks at which schedules there are, and at which fires are owed.
_REFRESH = 15.0
#: Seconds after which another worker may take over an owed fire, unless its holder renews that.
_HOLD = 2 * _REFRESH


@dataclass
class _Entry:
    schedule: Schedule
    next_due: float

    def pass_due(self, now: float) -> list[float]:
        """Return the times until ``now`` to start runs for, oldest first, and go on to the next."""
        times, catch_up = self.schedule.cron, self.schedule.catch_up
        after, self.next_due = self.next_due - 1, times.next_due(now)
        if catch_up == "all":
            due = list(takewhile(lambda stamp: stamp <= now, times.times(after)))
            if len(due) > MOST_MISSED:
                log.error(
                    "%s: of %d missed fires the last %d are made up for",
                    self.schedule.path,
                    len(due),
                    MOST_MISSED,
                )
            return due[-MOST_MISSED:]
        latest = times.latest_due(after, now)
        if latest is None or (catch_up == "none" and latest < now - _MISSED):
            return []
        return [latest]


class Scheduler:
    """The schedules of all tasks, and their fires.

    Args:
        service: lists the tasks, and accepts the runs.
        clock: returns the time (a Unix stamp).
    """

    def __init__(self, service: Service, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._webhooks = WebhookStore(service.store.database)
        self._clock = clock
        self._refreshed = float("-inf")
        #: By the schedule's name.
        self._entries: dict[str, _Entry] = {}
        #: The owed fires that this worker holds, by schedule and time, and until when.
        self._owed: dict[tuple[str, float], tuple[Fire, float]] = {}

    def fire_due(self) -> None:
        """Start the run of every task whose schedule has come due since the last call."""
        now = self._clock()
        if not 0 <= now - self._refreshed <= _REFRESH:
            self._refresh(now)
            self._take_over(now)
            self._refreshed = now
        due = {name: entry for name, entry in self._entries.items() if entry.next_due <= now}
        switches = self._service.store.schedule_switches() if due or self._owed else {}
        for name, entry in due.items():
            after, times = entry.next_due - 1, entry.pass_due(now)
            if entry.schedule.catch_up != "latest":
                until = times[0] - 1 if times else now
                self._tell_of_skipped(entry.schedule, after, until, switches)
            for time_due in times:
                if not _is_left_out(entry.schedule, time_due, switches):
                    self._claim(name, time_due, now, switches.get(entry.schedule.path))
        for fire, _ in list(self._owed.values()):
            self._fire(fire, switches)

    def _claim(self, name: str, due: float, now: float, switch: Switch | None) -> None:
        store, held = self._service.store, now + _HOLD
        fires_all, last = self._fires_all(name), store.last_fire(name)
        fire = Fire(name, due, now + (_ALL_OWED if fires_all else LATEST_START))
        if not store.claim_fire(name, due, fire.owed_until, held):
            return
        count_passed_over(self._entries[name].schedule, last, due, switch)
        if not fires_all:  # of several, the last
            for earlier in [own for own, _ in self._owed.values() if own.schedule == name]:
                self._supersede(earlier)
        self._owed[name, due] = fire, held

    def _take_over(self, now: float) -> None:
        """Go on holding owed fires, and take over those of workers that have died."""
        store, held = self._service.store, now + _HOLD
        owed = store.owed_fires()
        self._owed = {place: own for place, own in self._owed.items() if own[0] in owed}
        for fire in sorted(owed, key=lambda fire: fire.fire_time):
            place = (fire.schedule, fire.fire_time)
            _, until = self._owed.get(place, (None, now))
            if fire.schedule not in self._entries and now < fire.owed_until:
                continue  # its chain may be under repair
            if store.hold_fire(fire, until, held):
                self._owed[place] = fire, held
            else:
                self._owed.pop(place, None)
        latest = dict(sorted(self._owed))
        for fire, _ in list(self._owed.values()):
            if fire.fire_time < latest[fire.schedule] and not self._fires_all(fire.schedule):
                self._supersede(fire)

    def _fires_all(self, name: str) -> bool:
        entry = self._entries.get(name)
        return entry is not None and entry.schedule.catch_up == "all"

    def _settle(self, fire: Fire, run_id: str | None = None) -> None:
        self._service.store.settle_fire(fire, run_id)
        del self._owed[fire.schedule, fire.fire_time]

    def _fire(self, fire: Fire, switches: dict[str, Switch]) -> None:
        """Start a fire's run, unless it has to wait; settle the fire also when it can't start."""
        entry = self._entries.get(fire.schedule)
        if entry is None:
            if self._clock() >= fire.owed_until:
                self._miss(fire, "its task can't be imported, or has this schedule no more")
            return
        if _is_left_out(entry.schedule, fire.fire_time, switches):
            self._settle(fire)
            return
        path = entry.schedule.path
        try:
            accepted = self._accept(entry.schedule, fire)
        except (TooManyRuns, Unavailable) as problem:
            if self._clock() < fire.owed_until:
                log.warning(
                    "%s is due and tried again soon: %s", path, problem, extra={"task": path}
                )
                return
            self._miss(fire, problem.message)
        except DatanectarError as problem:
            self._miss(fire, problem.message)
        else:
            log.info("%s is due: %s", path, _describe(accepted), extra={"task": path})
            self._settle(fire, accepted.run.id if accepted.run else None)

    def _miss(self, fire: Fire, reason: str) -> None:
        """Settle a fire without a run, and tell webhooks of it."""
        self._tell_of_missed(fire.schedule, fire.fire_time, reason)
        self._supersede(fire)

    def _supersede(self, fire: Fire) -> None:
        """Settle a fire that starts no run, be it as a later one takes its place."""
        count_missed(fire.schedule)
        self._settle(fire)

    def _tell_of_skipped(
        self, schedule: Schedule, after: float, until: float, switches: dict[str, Switch]
    ) -> None:
        """Tell of the fires in ``(after, until]`` that nobody makes up for: the first stands for all."""
        switch, last = switches.get(schedule.path), self._service.store.last_fire(schedule.name)
        if switch is not None and switch.paused:
            return
        due = schedule.cron.next_due(max(after, last or after, switch.changed if switch else after))
        if due <= until:
            self._tell_of_missed(schedule.name, due, "no worker was there to start it")

    def _tell_of_missed(self, name: str, due: float, reason: str) -> None:
        path = name.partition(" ")[0]
        log.error("the schedule of %s can't be kept: %s", path, reason, extra={"task": path})
        self._webhooks.put(lambda: schedule_missed(path, name, due, reason))

    def _accept(self, schedule: Schedule, fire: Fire) -> Accepted:
        due = datetime.fromtimestamp(fire.fire_time, schedule.cron.zone)
        place = (schedule.type, schedule.chain, schedule.task)
        with traces.span(f"schedule {schedule.path}", kind="producer"):
            return self._service.accept(*place, {}, trigger="schedule", at=due)

    def _refresh(self, now: float) -> None:
        entries, switches = {}, self._service.store.schedule_switches()
        for schedule in schedules_in(self._service.catalog.chains()):
            known = self._entries.get(schedule.name)
            next_due = known.next_due if known else self._first_due(schedule, switches, now)
            entries[schedule.name] = _Entry(schedule, next_due)
        self._entries = entries

    def _first_due(self, schedule: Schedule, switches: dict[str, Switch], now: float) -> float:
        """Return the first fire that is still to start, when this worker sees a schedule first."""
        last = self._service.store.last_fire(schedule.name)
        seen_until = now
        if last is not None and schedule.catch_up != "none":
            switch = switches.get(schedule.path)
            oldest = float("-inf") if schedule.catch_up == "all" else now - LATEST_START
            seen_until = max(last, oldest, switch.changed if switch else last)
        if last is not None:
            self._tell_of_skipped(schedule, last, min(seen_until, now - _MISSED), switches)
        return schedule.cron.next_due(seen_until)


def _is_left_out(schedule: Schedule, due: float, switches: dict[str, Switch]) -> bool:
    """Tell whether a fire came due while its schedule was paused."""
    switch = switches.get(schedule.path)
    return switch is not None and (switch.paused or due <= switch.changed)


def _describe(accepted: Accepted) -> str:
    run = accepted.run
    if accepted.done or run is None:
        return "its result is there already"
    return f"run {run.id}" if accepted.new else f"run {run.id} is on its way already"
