"""What a task class declares that its tasks need to run. Every engine reads it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datanectar.parameters.class_options import class_option
from datanectar.settings import current
from datanectar.settings.sizes import size_in_bytes


@dataclass(frozen=True)
class Needs:
    """What one run of a task may take, and what else it needs.

    Attributes:
        memory: bytes that a task may take; None: no limit, as with the other limits.
        timeout: seconds that ``run()`` may take.
        retries: how often a task that failed is tried again within its run.
        amounts: what the machine must have, by name, such as ``{"cpus": 4, "gpu": 1}``, for an
            engine that places tasks on machines; ``memory`` in bytes.
        cpu_time: seconds of CPU time that a task may use, with all that it starts.
        processes: processes that it may have at a time, each thread counted.
        open_files: descriptors that each of its processes may have open.
        nice: its niceness, 0 to 19.
        oom_score_adj: how likely the kernel is to kill it, 0 to 1000; None: as its run.
    """

    memory: int | None = None
    timeout: float | None = None
    retries: int = 0
    amounts: Mapping[str, float] = field(default_factory=dict)
    cpu_time: float | None = None
    processes: int | None = None
    open_files: int | None = None
    nice: int | None = None
    oom_score_adj: int | None = None

    @property
    def stay_in_process(self) -> bool:
        """Whether a limit changes the process for good, so that the task needs one for itself."""
        return self.is_watched or any(
            limit is not None for limit in (self.open_files, self.nice, self.oom_score_adj)
        )

    @property
    def is_watched(self) -> bool:
        """Whether there is a limit for all processes of a task together."""
        limits = (self.memory, self.cpu_time, self.processes)
        return any(limit is not None for limit in limits)


def needs_of(cls: type) -> Needs:
    """Return what a task class declares, and for limits that it leaves open what the settings say.

    Of a class that is no Nectar task only the settings count.

    Raises:
        ChainError: naming class and option, when a value can't be used.
    """
    amounts = dict(class_option(cls, "needs", {}))
    if "memory" in amounts:
        amounts["memory"] = size_in_bytes(amounts["memory"])
    settings = current()

    def limit(name: str) -> Any:
        declared = class_option(cls, name, None)
        return declared if declared is not None else getattr(settings, f"task_{name}") or None

    return Needs(
        memory=size_in_bytes(limit("memory")),
        retries=class_option(cls, "retries", 0),
        amounts=amounts,
        oom_score_adj=class_option(cls, "oom_score_adj", None),
        **{
            name: limit(name) for name in ("timeout", "cpu_time", "processes", "open_files", "nice")
        },
    )


def words_of(cls: type, name: str) -> str:
    """Return which limit a class has and where it is set: ``its memory = '2 GB'``."""
    declared = class_option(cls, name, None)
    if declared is not None:
        return f"its {name} = {declared!r}"
    return f"DATANECTAR_TASK_{name.upper()} = {getattr(current(), f'task_{name}')}"
