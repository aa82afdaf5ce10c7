"""What the client of a cluster and the process of a task there say to each other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, field

from datanectar.messages.fields import Integer, Key, Message, Name, Names, Stamp
from datanectar.messages.wire import register

#: The folder of the scheduler's metadata that is ours.
ROOM = "datanectar"
TaskEndStatus = Annotated[str, Meta(pattern=r"^(DONE|FAILED|PENDING)\Z")]


class TaskRef(Message, frozen=True):
    """A task by its class and parameters. ``values``: JSON of what can't be read from a text."""

    module: str
    family: Name
    params: dict[str, Any]
    values: dict[str, str] = field(default_factory=dict)


class TaskJob(Message, frozen=True):
    """Run one task; the replies: calls, then its :class:`TaskEnd`.

    ``type`` and ``chain`` are those of the run's root. ``continues``: the task has begun before in
    this attempt and has yielded others. ``limits`` are those of :mod:`datanectar.limits.watch`.
    """

    run_id: str
    type: str
    chain: str
    module: str
    family: Name
    task_id: Name
    key: Key
    params: dict[str, str]
    run_time: str
    attempt_dir: str = ""
    continues: bool = False
    storage: str = ""
    timeout: Stamp | None = None
    traceparent: str | None = None
    limits: dict[str, tuple[float, str]] = field(default_factory=dict)


class TaskCall(Message, frozen=True):
    """A call that Luigi's worker would make at its scheduler, for the task that runs elsewhere."""

    method: Name
    arguments: dict[str, Any]


class TaskBegun(Message, frozen=True):
    """A task runs now, on the worker at this address, for the ``time``-th time."""

    worker: Name
    time: Integer


class TaskEnd(Message, frozen=True):
    """How a task ended: what Luigi's ``TaskProcess`` puts into its worker's queue."""

    status: TaskEndStatus
    explanation: str | None = None
    missing: Names = field(default_factory=list)
    new_deps: list[TaskRef] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """A task for a Dask worker; it is sent as a pickle of plain values.

    Args:
        job: the encoded :class:`~datanectar.engines.dask.messages.TaskJob`.
        topic: the events that the run's child listens to.
        attempt: which attempt of the run it is.
        code: the digest of the run's code.
        settings: variables that count instead of the worker's own.
        most_begins: how often the task may be begun when workers are lost.
    """

    job: bytes
    topic: str
    attempt: int
    code: str
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    most_begins: int = 3


class Interrupted(Exception):
    """Raised when a task was ended by no fault of its own: it may be begun again."""


register(TaskJob, TaskCall, TaskBegun, TaskEnd)
