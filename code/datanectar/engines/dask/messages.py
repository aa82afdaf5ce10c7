"""What the client of a cluster and the process of a task there say to each other."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from datanectar.message_fields import Integer, Key, Message, Name, Names, Stamp
from datanectar.messages import register

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
    this attempt and has yielded others.
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


register(TaskJob, TaskCall, TaskBegun, TaskEnd)
