"""The records of backfills and of their items. Times are Unix stamps in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datanectar.statuses import PENDING


@dataclass(frozen=True)
class Backfill:
    """A backfill as the store has it.

    ``over`` has the values as they were asked for, ``params`` those of the other parameters. Its
    status is RUNNING until each of its items has ended.
    """

    id: str
    type: str
    chain: str
    task: str
    over: dict[str, Any]
    params: dict[str, Any]
    run_time: str
    at_once: int
    status: str
    created: float
    cancel_requested: bool = False
    finished: float | None = None

    @property
    def path(self) -> str:
        """The task as ``type/chain/Task``."""
        return f"{self.type}/{self.chain}/{self.task}"

    @property
    def trigger(self) -> str:
        """What its runs have as their trigger."""
        return f"backfill {self.id}"


@dataclass(frozen=True)
class Item:
    """One task of a backfill: the values of the parameters that differ, and what became of it.

    It is PENDING until its run is accepted, RUNNING until that has ended, and then as the run is.
    ``was_there``: it is DONE because its result was there before.
    """

    backfill_id: str
    number: int
    params: dict[str, str]
    key: str
    status: str = PENDING
    was_there: bool = False
    run_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many items a backfill has, by status; ``there`` of the DONE ones had their results before."""

    by_status: dict[str, int]
    there: int

    @property
    def total(self) -> int:
        """All items."""
        return sum(self.by_status.values())

    def of(self, *statuses: str) -> int:
        """Return how many have one of the statuses."""
        return sum(self.by_status.get(status, 0) for status in statuses)
