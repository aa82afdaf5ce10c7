"""The schedules of all tasks: when each fires, whether it is paused, what became of its last fire."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from datanectar import cron
from datanectar.errors import NotFound
from datanectar.messages import ChainDescription
from datanectar.runs.records import Run
from datanectar.runs.schedules import Switch
from datanectar.runs.store import RunStore
from datanectar.service.service import Service

log = logging.getLogger(__name__)

#: What becomes of fires that come due while no worker is alive, when the class does not say.
DEFAULT_CATCH_UP = "latest"
#: Fires that are shown of a schedule.
_SHOWN = 5


@dataclass(frozen=True)
class Schedule:
    """The schedule of a task; ``text`` is as the author wrote it."""

    type: str
    chain: str
    task: str
    text: str
    cron: cron.Cron
    catch_up: str = DEFAULT_CATCH_UP

    @property
    def path(self) -> str:
        """The task as ``type/chain/Task``: what is paused is the task's, whatever its times."""
        return f"{self.type}/{self.chain}/{self.task}"

    @property
    def name(self) -> str:
        """The name that fires are stored under: with other times it is another schedule."""
        return f"{self.path} {self.cron.expression} {self.cron.zone}"


@dataclass(frozen=True)
class ScheduleState:
    """A schedule as it stands. ``next`` are its next fires, Unix stamps; while it is paused, none."""

    schedule: Schedule
    paused: bool
    next: list[float]
    last_fire: float | None
    last_run: Run | None


def schedules_in(chains: Iterable[ChainDescription]) -> Iterator[Schedule]:
    """Yield the schedules of the chains' tasks; one that can't be read is logged and left out."""
    for chain in chains:
        for task in chain.tasks:
            if not task.schedule or task.error:
                continue
            try:
                times = cron.parse(task.schedule)
            except ValueError as problem:  # the other schedules go on
                path = f"{chain.type}/{chain.name}/{task.name}"
                log.error("the schedule of %s can't be kept: %s", path, problem)
                continue
            catch_up = task.catch_up or DEFAULT_CATCH_UP
            yield Schedule(chain.type, chain.name, task.name, task.schedule, times, catch_up)


def states(service: Service, chains: Iterable[ChainDescription], now: float) -> list[ScheduleState]:
    """Return the chains' schedules at the Unix stamp ``now``: the next to fire first, paused ones last."""
    switches = service.store.schedule_switches()
    found = [
        _state(service.store, schedule, switches.get(schedule.path), now)
        for schedule in schedules_in(chains)
    ]
    return sorted(found, key=lambda state: state.next[:1] or [float("inf")])


def set_paused(service: Service, path: str, paused: bool, now: float) -> ScheduleState:
    """Pause or resume the schedule of a task; fires while it is paused are left out for good.

    Args:
        path: the task, ``type/chain/Task``.
        paused: what it is to be.
        now: the Unix stamp of the change.

    Raises:
        NotFound: when there is no such task, or it has no schedule.
    """
    type, chain, _ = path.split("/")
    for schedule in schedules_in([service.catalog.chain(type, chain)]):
        if schedule.path == path:
            switch = service.store.switch_schedule(path, paused, now)
            return _state(service.store, schedule, switch, now)
    raise NotFound(f"{path} has no schedule: there is no such task, or its class sets none.")


def _state(store: RunStore, schedule: Schedule, switch: Switch | None, now: float) -> ScheduleState:
    paused = switch is not None and switch.paused
    run_id = store.last_scheduled_run(schedule.name)
    return ScheduleState(
        schedule,
        paused,
        [] if paused else list(islice(schedule.cron.times(now), _SHOWN)),
        store.last_fire(schedule.name),
        store.get(run_id) if run_id else None,
    )
