"""The messages about what tasks there would be: what a backfill is for, what runs need."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from datanectar.messages.fields import MANY, Integer, Key, Message, Name
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


class NeedsJob(Message, frozen=True):
    """Find the results that tasks of a chain need, as a run of theirs would; the reply: :class:`Needs`.

    ``roots`` are tasks by name, each with the parameters of its run and the names of those that were
    given, as in a :class:`~datanectar.messages.RunJob`; or with those of a request, and None.
    """

    type: str
    chain: str
    run_time: str
    roots: Annotated[list[tuple[Name, dict[str, Any], list[str] | None]], MANY]


class Needs(Message, frozen=True):
    """The keys of tasks and of what they require, down to those whose results are there."""

    keys: Annotated[list[Key], Meta(max_length=1_000_000)]


register(PlanJob, Plan, NeedsJob, Needs)
