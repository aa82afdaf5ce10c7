"""Starts scheduled runs: each fire of a schedule becomes one run, on however many workers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from datanectar import cron
from datanectar.errors import DatanectarError, TooManyRuns, Unavailable
from datanectar.runs.schedules import Fire
from datanectar.service.service import Accepted, Service

log = logging.getLogger(__name__)

#: Seconds after its time within which a fire is made up for when no worker was alive then; of
#: several that were missed, the last.
LATEST_START = 3600.0
#: Seconds between two looks at which schedules there are, and at which fires are owed.
_REFRESH = 15.0
#: Seconds after which another worker may take over an owed fire, unless its holder renews that.
_HOLD = 2 * _REFRESH


Place = tuple[str, str, str]


@dataclass
class _Entry:
    place: Place
    cron: cron.Cron
    next_due: float


class Scheduler:
    """The schedules of all tasks, and their fires.

    Args:
        service: lists the tasks, and accepts the runs.
        clock: returns the time (a Unix stamp).
    """

    def __init__(self, service: Service, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._clock = clock
        self._refreshed = float("-inf")
        #: By the schedule's name.
        self._entries: dict[str, _Entry] = {}
        #: The owed fires that this worker holds, by the schedule's name, and until when.
        self._owed: dict[str, tuple[Fire, float]] = {}

    def fire_due(self) -> None:
        """Start the run of every task whose schedule has come due since the last call."""
        now = self._clock()
        if not 0 <= now - self._refreshed <= _REFRESH:
            self._refresh(now)
            self._take_over(now)
            self._refreshed = now
        for name, entry in self._entries.items():
            if entry.next_due <= now:
                due = entry.cron.latest_due(entry.next_due - 1, now) or entry.next_due
                self._claim(Fire(name, due, now + LATEST_START), now)
                entry.next_due = entry.cron.next_due(now)
        for fire, _ in list(self._owed.values()):
            self._fire(fire)

    def _claim(self, fire: Fire, now: float) -> None:
        held = now + _HOLD
        store = self._service.store
        if not store.claim_fire(fire.schedule, fire.fire_time, fire.owed_until, held):
            return
        earlier = self._owed.get(fire.schedule)
        if earlier is not None:  # of several, the last
            store.settle_fire(earlier[0])
        self._owed[fire.schedule] = fire, held

    def _take_over(self, now: float) -> None:
        """Go on holding owed fires, and take over those of workers that have died."""
        store, held = self._service.store, now + _HOLD
        owed = store.owed_fires()
        self._owed = {name: own for name, own in self._owed.items() if own[0] in owed}
        for fire in owed:
            own, until = self._owed.get(fire.schedule, (None, now))
            if own is not None and own.fire_time != fire.fire_time:
                until = now
            if fire.schedule not in self._entries and now < fire.owed_until:
                continue  # its chain may be under repair
            if not store.hold_fire(fire, until, held):
                if own == fire:
                    del self._owed[fire.schedule]
            elif own is not None and own.fire_time > fire.fire_time:
                store.settle_fire(fire)  # of several, the last
            else:
                self._owed[fire.schedule] = fire, held

    def _fire(self, fire: Fire) -> None:
        entry = self._entries.get(fire.schedule)
        if entry is None and self._clock() < fire.owed_until:
            return
        if entry is None or self._is_started(entry, fire):
            self._service.store.settle_fire(fire)
            del self._owed[fire.schedule]

    def _is_started(self, entry: _Entry, fire: Fire) -> bool:
        """Start a fire's run; return whether nothing is owed any more, also when it can't start."""
        name, due = "/".join(entry.place), datetime.fromtimestamp(fire.fire_time, entry.cron.zone)
        try:
            accepted = self._service.accept(*entry.place, {}, trigger="schedule", at=due)
        except (TooManyRuns, Unavailable) as problem:
            if self._clock() < fire.owed_until:
                log.warning("%s is due and tried again soon: %s", name, problem)
                return False
            log.error("the schedule of %s can't be kept: %s", name, problem)
        except DatanectarError as problem:
            log.error("the schedule of %s can't be kept: %s", name, problem)
        else:
            log.info("%s is due: %s", name, _describe(accepted))
        return True

    def _refresh(self, now: float) -> None:
        entries = {}
        for chain in self._service.catalog.chains():
            for task in chain.tasks:
                if task.schedule and not task.error:
                    place = (chain.type, chain.name, task.name)
                    try:
                        schedule = cron.parse(task.schedule)
                    except ValueError as problem:  # the other schedules go on
                        log.error("the schedule of %s can't be kept: %s", "/".join(place), problem)
                        continue
                    name = _name(place, schedule)
                    entries[name] = self._entries.get(name) or self._entry(place, schedule, now)
        self._entries = entries

    def _entry(self, place: Place, schedule: cron.Cron, now: float) -> _Entry:
        last = self._service.store.last_fire(_name(place, schedule))
        seen_until = now if last is None else max(last, now - LATEST_START)
        return _Entry(place, schedule, schedule.next_due(seen_until))


def _describe(accepted: Accepted) -> str:
    run = accepted.run
    if accepted.done or run is None:
        return "its result is there already"
    return f"run {run.id}" if accepted.new else f"run {run.id} is on its way already"


def _name(place: Place, schedule: cron.Cron) -> str:
    return f"{'/'.join(place)} {schedule.expression} {schedule.zone}"
