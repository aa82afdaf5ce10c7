"""What is needed still, whatever its age: by runs, backfills and schedules to come, or by a pin."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from datanectar.backfills.store import BackfillStore
from datanectar.errors import DatanectarError
from datanectar.keys import Key, run_time_text
from datanectar.messages import ChainDescription
from datanectar.messages.plans import Needs as NeededKeys
from datanectar.messages.plans import NeedsJob
from datanectar.retention.store import RetentionStore
from datanectar.service.schedules import schedules_in
from datanectar.service.service import Service
from datanectar.statuses import PENDING, RUNNING

#: Seconds that the look for what a run needs may take, beyond those of the chain's import.
_LOOK_SECONDS = 30.0
#: So many children at most are asked; each is for the tasks of one chain with one run date.
MOST_ASKED = 1000

#: Tasks with their parameters and which of these were given; by what needs them (``why``), their
#: chain and the time of the run.
_Root = tuple[str, dict[str, Any], list[str] | None]
_Roots = dict[tuple[str, str, str, str], list[_Root]]


class Needs:
    """Knows which keys are needed, and by what. Threads may share it.

    What a run needs is found as Luigi does: from its task down to what is there. Where that can't be
    told, all results of that type are needed.

    Args:
        service: has the runs and the children.
        chains: the project's chains, as they are described.
        now: the time for which the schedules' next fires are looked up, a Unix stamp.
    """

    def __init__(self, service: Service, chains: Iterable[ChainDescription], now: float) -> None:
        self._service = service
        self._store = RetentionStore(service.store.database)
        self._backfills = BackfillStore(service.store.database)
        self._chains = list(chains)
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        #: Why nothing of a type can go.
        self._types: dict[str, str] = {}
        #: The newest run and the newest backfill that were looked at.
        self._newest = ("", "")
        self._any_active = True
        self._asked = 0
        for pin in self._store.pins():
            self._keys[pin.key] = f"pinned: {pin.reason}" if pin.reason else "pinned"
        for chain in self._chains:
            if chain.error or chain.reading:
                why = f"{chain.type}/{chain.name} can't be read"
                self._types.setdefault(chain.type, f"{why}: {chain.error or 'it takes long'}")
        self._add_schedules(now)

    def refresh(self) -> None:
        """Look at the runs and backfills that were accepted since the last look."""
        with self._lock:
            newest, self._any_active = self._store.newest()
            if newest != self._newest:
                self._add_new(*self._newest)
                self._newest = newest

    def why(self, key: Key) -> str | None:
        """Return why a key is needed as of the last look, or None when it is not."""
        known = self._types.get(key.type) or self._keys.get(str(key))
        if known or not self._any_active:
            return known
        run = self._service.store.active_with_task(str(key))
        return f"needed by run {run.id}" if run else None

    @property
    def unknown(self) -> list[str]:
        """Why types are kept as a whole, in words."""
        return [f"All results of type {type} are kept: {why}." for type, why in self._types.items()]

    def _add_new(self, last_run: str, last_backfill: str) -> None:
        """Add what the runs and backfills need that came after these."""
        roots: _Roots = defaultdict(list)
        for run in self._store.active_runs(last_run):
            why = f"needed by run {run.id}"
            self._keys.setdefault(run.key, why)
            given = list(run.params) if run.given is None else run.given
            roots[why, run.type, run.chain, run.run_time].append((run.task, run.params, given))
        for backfill in self._backfills.active():
            if backfill.id <= last_backfill:
                continue
            why = f"needed by {backfill.trigger}"
            place = (why, backfill.type, backfill.chain, backfill.run_time)
            for item in self._backfills.items(backfill.id, PENDING, RUNNING):
                self._keys.setdefault(item.key, why)
                params = {**backfill.params, **item.params}
                roots[place].append((backfill.task, params, None))
        self._ask(roots)

    def _add_schedules(self, now: float) -> None:
        """Add what the next fire of each schedule needs, and those that are owed."""
        roots: _Roots = defaultdict(list)
        store = self._service.store
        switches, owed = store.schedule_switches(), store.owed_fires()
        for schedule in schedules_in(self._chains):
            switch = switches.get(schedule.path)
            fires = [fire.fire_time for fire in owed if fire.schedule == schedule.name]
            if not (switch and switch.paused):
                fires.append(schedule.cron.next_due(now))
            for fire in fires:
                run_time = run_time_text(datetime.fromtimestamp(fire, schedule.cron.zone))
                why = f"needed by the schedule of {schedule.path}"
                roots[why, schedule.type, schedule.chain, run_time].append(
                    (schedule.task, {}, None)
                )
        self._ask(roots)

    def _ask(self, roots: _Roots) -> None:
        for (why, type, chain, run_time), of_chain in roots.items():
            self._asked += 1
            if type in self._types:
                continue
            if self._asked > MOST_ASKED:
                self._types[type] = f"more than {MOST_ASKED} runs wait"
                continue
            try:
                for key in self._found(NeedsJob(type, chain, run_time, of_chain)).keys:
                    self._keys.setdefault(key, why)
            except DatanectarError as problem:
                self._types[type] = f"what is {why} can't be told ({problem.message})"

    def _found(self, job: NeedsJob) -> NeededKeys:
        found: NeededKeys = self._service.children.ask(
            job,
            timeout=self._service.settings.import_timeout + _LOOK_SECONDS,
            subject=f"{job.type}/{job.chain}",
        )
        return found
