"""The messages about what a backfill is for."""

from __future__ import annotations

from typing import Annotated, Any

from datanectar.messages.fields import MANY, Integer, Key, Message
from datanectar.messages.wire import register


class PlanJob(Message, frozen=True):
    """Find the tasks that a backfill is for; the reply: a :class:`Plan`.

    ``over`` has several values of a parameter, by name; ``raw`` those of the others. ``most`` is how
    many tasks there may be.
    """

    type: str
    chain: str
    task: str
    raw: dict[str, Any]
    over: dict[str, Any]
    run_time: str
    most: Integer


class PlannedItem(Message, frozen=True):
    """One task of a backfill: the values of the parameters that differ, its key, whether it is done."""

    params: dict[str, str]
    key: Key
    complete: bool


class Plan(Message, frozen=True):
    """The tasks of a backfill, in the order in which they are to run."""

    items: Annotated[list[PlannedItem], MANY]


register(PlanJob, Plan)
