"""Starts what is scheduled: each fire becomes one run, on however many workers look at the clock."""

from __future__ import annotations

import logging
import time

from datanectar import cron
from datanectar.errors import DatanectarError
from datanectar.execution.service import Service

log = logging.getLogger(__name__)

#: A fire that nobody could see in time, since no worker lived, is made up for within so many
#: seconds; of several missed ones, the last.
LATEST_START = 3600.0
#: Seconds between two looks at which schedules there are.
_REFRESH = 15.0


class Timetable:
    """The schedules of all tasks, and what is due of them.

    Args:
        service: says what there is, and accepts the runs.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._refreshed = float("-inf")
        self._begun = time.time()
        self._crons: dict[tuple[str, str, str], cron.Cron] = {}

    def fire_due(self) -> None:
        """Have every task run whose schedule has come due since it was last seen to."""
        if time.monotonic() - self._refreshed > _REFRESH:
            self._refresh()
            self._refreshed = time.monotonic()
        now = time.time()
        for (type, chain, task), schedule in self._crons.items():
            name = f"{type}/{chain}/{task} {schedule.line} {schedule.zone}"
            if schedule.next_due(self._begun) > now and schedule.next_due(now - LATEST_START) > now:
                continue
            due = schedule.latest_due(self._seen_until(name, now), now)
            if due is not None and self._service.store.claim_fire(name, due):
                self._fire(type, chain, task)

    def _seen_until(self, name: str, now: float) -> float:
        last = self._service.store.last_fire(name)
        return max(self._begun if last is None else last, now - LATEST_START)

    def _fire(self, type: str, chain: str, task: str) -> None:
        try:
            accepted = self._service.accept(type, chain, task, {}, trigger="schedule")
        except DatanectarError as problem:
            log.error("the schedule of %s/%s/%s can't be kept: %s", type, chain, task, problem)
            return
        what = f"run {accepted.run.id}" if accepted.run else "its result is there already"
        log.info("%s/%s/%s is due: %s", type, chain, task, what)

    def _refresh(self) -> None:
        crons = {}
        for chain in self._service.catalog.chains():
            for task in chain.tasks:
                if task.schedule and not task.error:
                    crons[chain.type, chain.name, task.name] = cron.parse(task.schedule)
        self._crons = crons
