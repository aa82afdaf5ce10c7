"""Requests and runs: the jobs of children, and what they reply and report."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from datanectar.messages.fields import (
    MANY,
    Bytes,
    Integer,
    Key,
    LogNumber,
    Message,
    Name,
    Names,
    Percent,
    RunEnd,
    ShownParams,
    Stamp,
    StorageName,
    TaskStatus,
    Texts,
    Width,
)
from datanectar.messages.wire import register


class ResolveJob(Message, frozen=True):
    """Turn a request's raw parameters into a task and its key; the reply: a :class:`Resolution`.

    With ``stays`` the child then waits for its :class:`RunJob`; ``upstream`` fills that field.
    """

    type: str
    chain: str
    task: str
    raw: dict[str, Any]
    run_time: str
    stays: bool = False
    upstream: bool = False


class Resolution(Message, frozen=True):
    """What a request asks for: the task, its key and its parameters.

    ``complete`` is None when a look for ``output`` decides; ``given`` names the parameters in the
    request. ``results`` are the addresses (paths, ``s3://`` URLs) of outputs outside the key.
    """

    key: Key
    task_id: Name
    params: dict[str, str]
    public_params: dict[str, str]
    defaulted: Texts
    source: str
    run_time: str
    storage: StorageName
    output: str | None
    complete: bool | None = None
    width: Width = 1
    run_timeout: Stamp | None = None
    given: Texts = field(default_factory=list)
    results: Names = field(default_factory=list)
    upstream: Annotated[list[Key], MANY] = field(default_factory=list)


class RunJob(Message, frozen=True):
    """Build the root task and all it requires; the replies: reports, then an :class:`Outcome`.

    ``given`` names the parameters that were in the request; None: all of ``params``.
    """

    run_id: str
    attempt: Integer
    type: str
    chain: str
    task: str
    params: dict[str, str]
    run_time: str
    key: str
    attempt_dir: str
    assistant: Integer = 0
    width: Width = 1
    given: Texts | None = None
    traceparent: str | None = None


class UploadLogsJob(Message, frozen=True):
    """Upload the logs of an attempt that have grown since they were last uploaded.

    ``storage`` is the run's store, by name or address.
    """

    attempt_dir: str
    storage: str = "s3"


class LogsUploaded(Message, frozen=True):
    """The reply to an :class:`UploadLogsJob`: how many logs were uploaded."""

    count: Integer


class TaskReport(Message, frozen=True):
    """News of one task of a run's graph, as the child and luigid have just exchanged it.

    None means: nothing new. ``log_number`` is the N of ``log.N``, the name that the task's log gets
    once a later attempt writes ``log``. ``storage`` and ``output`` locate the result under the
    task's key; ``results`` are the addresses of outputs outside the key. ``params`` has the texts of
    the public parameters; long ones are cut. ``peak_memory`` is in bytes; seconds of ``cpu_time`` of
    several reports add up.
    """

    task_id: Name
    key: Key | None = None
    family: Name | None = None
    status: TaskStatus | None = None
    requires: Names | None = None
    started: Stamp | None = None
    finished: Stamp | None = None
    error: str | None = None
    progress: Percent | None = None
    message: str | None = None
    tracking_url: Name | None = None
    log_number: LogNumber | None = None
    storage: StorageName | None = None
    output: str | None = None
    results: Names | None = None
    traceback: str | None = None
    runs_on: Name | None = None
    params: ShownParams | None = None
    peak_memory: Bytes | None = None
    cpu_time: Stamp | None = None


class SchedulerReport(Message, frozen=True):
    """Whether the child reaches luigid; sent when that changes."""

    reachable: bool


class ErrorSeen(Message, frozen=True):
    """An error of a part of the service, for the counts; ``kind`` is what the part calls it."""

    part: Annotated[str, Meta(pattern=r"^(luigid|s3)\Z")]
    kind: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,60}\Z")]


class Outcome(Message, frozen=True):
    """How a run ended in its child's view: ``status`` is DONE or FAILED."""

    status: RunEnd
    error: str | None = None
    traceback: str | None = None
    failed_key: Key | None = None


class Refusal(Message, frozen=True):
    """The reply of a child that could not do its job: an error class by name, and its message."""

    error: Name
    message: str
    fields: dict[str, str] = field(default_factory=dict)


register(ResolveJob, Resolution, RunJob, UploadLogsJob, LogsUploaded)
register(TaskReport, SchedulerReport, ErrorSeen, Outcome, Refusal)
