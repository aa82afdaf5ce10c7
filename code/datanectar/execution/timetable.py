"""Starts what is scheduled: each fire becomes one run, on however many workers look at the clock."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from datanectar import cron
from datanectar.errors import DatanectarError, TooManyRuns, Unavailable
from datanectar.execution.service import Service

log = logging.getLogger(__name__)

#: A fire that nobody could see in time, since no worker lived, is made up for within so many
#: seconds; of several missed ones, the last.
LATEST_START = 3600.0
#: Seconds between two looks at which schedules there are.
_REFRESH = 15.0


Place = tuple[str, str, str]


@dataclass
class _Entry:
    cron: cron.Cron
    next_due: float


class Timetable:
    """The schedules of all tasks, and what is due of them.

    Args:
        service: says what there is, and accepts the runs.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._refreshed = float("-inf")
        self._entries: dict[Place, _Entry] = {}
        #: What this worker has undertaken to start, and until when it tries.
        self._owed: dict[Place, float] = {}

    def fire_due(self) -> None:
        """Have every task run whose schedule has come due since it was last seen to."""
        if time.monotonic() - self._refreshed > _REFRESH:
            self._refresh()
            self._refreshed = time.monotonic()
        now = time.time()
        for place, entry in self._entries.items():
            if entry.next_due <= now:
                due = entry.cron.latest_due(entry.next_due - 1, now) or entry.next_due
                if self._service.store.claim_fire(_name(place, entry.cron), due):
                    self._owed[place] = now + LATEST_START
                entry.next_due = entry.cron.next_due(now)
        for place in list(self._owed):
            self._fire(place)

    def _fire(self, place: Place) -> None:
        name = "/".join(place)
        try:
            accepted = self._service.accept(*place, {}, trigger="schedule")
        except (TooManyRuns, Unavailable) as problem:
            if time.time() < self._owed[place]:
                log.warning("%s is due and tried again soon: %s", name, problem)
                return
            log.error("the schedule of %s can't be kept: %s", name, problem)
        except DatanectarError as problem:
            log.error("the schedule of %s can't be kept: %s", name, problem)
        else:
            what = f"run {accepted.run.id}" if accepted.run else "its result is there already"
            log.info("%s is due: %s", name, what)
        del self._owed[place]

    def _refresh(self) -> None:
        entries = {}
        for chain in self._service.catalog.chains():
            for task in chain.tasks:
                if task.schedule and not task.error:
                    place = (chain.type, chain.name, task.name)
                    try:
                        entries[place] = self._entry(place, cron.parse(task.schedule))
                    except ValueError as problem:  # it keeps no other from its schedule
                        log.error("the schedule of %s can't be kept: %s", "/".join(place), problem)
        self._entries = entries

    def _entry(self, place: Place, schedule: cron.Cron) -> _Entry:
        known = self._entries.get(place)
        if known is not None and known.cron == schedule:
            return known
        now = time.time()
        last = self._service.store.last_fire(_name(place, schedule))
        seen_until = now if last is None else max(last, now - LATEST_START)
        return _Entry(schedule, schedule.next_due(seen_until))


def _name(place: Place, schedule: cron.Cron) -> str:
    return f"{'/'.join(place)} {schedule.line} {schedule.zone}"
