"""The table of chains: which of them a page shows, and what it tells of each task."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from datanectar.messages import ChainDescription, TaskDescription
from datanectar.runs.statistics.recent import Brief
from datanectar.service.schedules import schedules_in
from datanectar.service.service import Service

#: The number of chains on a page, and of a task's last runs in its strip.
PAGE, STRIP = 40, 10


@dataclass(frozen=True)
class Listing:
    """A page of the chains that match, by type; ``total`` counts all that match."""

    groups: list[tuple[str, list[ChainDescription]]]
    total: int
    number: int
    pages: int
    types: list[str]
    broken: int
    reading: int

    @property
    def chains(self) -> list[ChainDescription]:
        """The chains on this page."""
        return [chain for _, group in self.groups for chain in group]


@dataclass(frozen=True)
class Row:
    """A task in the table: its last runs, the newest last; times are Unix stamps, or seconds."""

    task: TaskDescription
    strip: Sequence[Brief] = ()
    next: float | None = None
    paused: bool = False
    median: float | None = None
    last: float | None = None

    @property
    def latest(self) -> Brief | None:
        """Its latest run."""
        return self.strip[-1] if self.strip else None

    @property
    def words(self) -> str:
        """What the strip shows, in words: ``last 10 runs of ReportTask: 8 done, 2 failed``."""
        counts = Counter(run.status.lower() for run in self.strip)
        listed = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"Last {len(self.strip)} runs of {self.task.name}: {listed}"


def list_chains(
    chains: list[ChainDescription], words: str, type: str, number: str, only: str = ""
) -> Listing:
    """Return the page ``number`` of the chains of a type whose names or docs hold all the words.

    Args:
        only: paths of tasks, ``type/chain/Task`` with blanks between; of other chains none is shown.
    """
    searched = words.lower().split()
    wanted = {path.rpartition("/")[0] for path in only.split()}
    matching = [
        chain
        for chain in chains
        if (not type or chain.type == type)
        and (not wanted or f"{chain.type}/{chain.name}" in wanted)
        and all(word in _text(chain) for word in searched)
    ]
    pages = max(1, -(-len(matching) // PAGE))
    current = min(max(1, int(number)), pages) if number.isdecimal() and len(number) < 9 else 1
    shown = matching[(current - 1) * PAGE : current * PAGE]
    return Listing(
        [(name, list(group)) for name, group in groupby(shown, key=lambda chain: chain.type)],
        len(matching),
        current,
        pages,
        sorted({chain.type for chain in chains}),
        sum(1 for chain in chains if chain.error),
        sum(1 for chain in chains if chain.reading),
    )


def _text(chain: ChainDescription) -> str:
    names = (f"{task.name} {task.doc}" for task in chain.tasks)
    return " ".join((chain.type, chain.name, chain.doc, *names)).lower()


def rows_of(service: Service, chains: list[ChainDescription]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of chains, by type and name."""
    paths = [(chain.type, chain.name, task.name) for chain in chains for task in chain.tasks]
    recent = service.store.recent(paths, STRIP)
    switches = service.store.schedule_switches() if paths else {}
    fires: dict[str, float | None] = {}
    for schedule in schedules_in(chains):
        switch = switches.get(schedule.path)
        is_paused = switch is not None and switch.paused
        fires[schedule.path] = None if is_paused else schedule.cron.next_due(time.time())
    return {
        (chain.type, chain.name): [
            _row(
                task, recent[chain.type, chain.name, task.name], f"{chain.type}/{chain.name}", fires
            )
            for task in chain.tasks
        ]
        for chain in chains
    }


def _row(
    task: TaskDescription, recent: list[Brief], chain: str, fires: dict[str, float | None]
) -> Row:
    seconds = [run.seconds for run in recent if run.status == "DONE" and run.attempt]
    known = [one for one in seconds if one is not None]
    path = f"{chain}/{task.name}"
    return Row(
        task,
        recent[::-1],
        fires.get(path),
        path in fires and fires[path] is None,
        median(known) if known else None,
        recent[0].seconds if recent else None,
    )
