"""What a task class declares that its tasks need to run. Every engine reads it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from datanectar.parameters.class_options import class_option
from datanectar.parameters.notations import size_in_bytes


@dataclass(frozen=True)
class Needs:
    """What one run of a task may take, and what else it needs.

    Attributes:
        memory: bytes that a task may allocate; None: no limit.
        timeout: seconds that ``run()`` may take; None: no limit but that of the whole run.
        retries: how often a task that failed is tried again within its run.
        amounts: what the machine must have, by name, such as ``{"cpus": 4, "gpu": 1}``, for an
            engine that places tasks on machines; ``memory`` in bytes.
    """

    memory: int | None = None
    timeout: float | None = None
    retries: int = 0
    amounts: Mapping[str, float] = field(default_factory=dict)


def needs_of(cls: type) -> Needs:
    """Return what a task class declares; nothing for a class that is no Nectar task.

    Raises:
        ChainError: naming class and option, when a value can't be used.
    """
    amounts = dict(class_option(cls, "needs", {}))
    if "memory" in amounts:
        amounts["memory"] = size_in_bytes(amounts["memory"])
    return Needs(
        memory=size_in_bytes(class_option(cls, "memory", None)),
        timeout=class_option(cls, "timeout", None),
        retries=class_option(cls, "retries", 0),
        amounts=amounts,
    )
