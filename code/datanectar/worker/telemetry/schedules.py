"""Fires of schedules that started no run, counted for ``/metrics``."""

from __future__ import annotations

from itertools import islice, takewhile

from datanectar.runs.schedules import Switch
from datanectar.service.schedules import Schedule
from datanectar.telemetry.counts import SCHEDULES_MISSED, count

#: Of a schedule that fires each minute, half a day: more are not counted at a time.
_MOST = 1000


def count_missed(name: str, fires: int = 1) -> None:
    """Count fires that came due and start no run.

    Args:
        name: the schedule's: the task's path, and its times.
        fires: how many.
    """
    if fires:
        count(SCHEDULES_MISSED, *name.partition(" ")[0].split("/"), amount=fires)


def count_passed_over(
    schedule: Schedule, last: float | None, due: float, switch: Switch | None
) -> None:
    """Count the fires between two that were claimed; nobody has claimed these.

    Call it in the one process that has claimed the later one.

    Args:
        last: when the one before was due, a Unix stamp; None: there was none.
        due: when the one that was just claimed was due.
        switch: whether the schedule was paused: what came due meanwhile is not missed.
    """
    if last is None:
        return
    since = max(last, switch.changed) if switch is not None else last
    between = takewhile(lambda stamp: stamp < due, schedule.cron.times(since))
    count_missed(schedule.name, len(list(islice(between, _MOST))))
