"""What crosses from one process to another: messages of plain values, checked as they are read.

They travel as JSON lines (:func:`encode`, :func:`decode`), never as pickles: a child that runs an
author's code must not be able to make its parent run anything. The type of a field says what it may
hold; :func:`decode` refuses anything else, because a database, a clock or a page may not bear it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import field

from datanectar.keys import is_file_name
from datanectar.message_fields import (
    MANY,
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

#: Characters that a text for people keeps; a longer one loses its middle.
_LONGEST_TEXT = 32_000
_CUT = "\n[...]\n"

# --- what chains there are -----------------------------------------------------------------


class ParameterDescription(Message, frozen=True):
    """One parameter of a task, as ``GET /api/chains`` shows it.

    ``default`` is the default's text. Where ``default_readable`` is false, a request with that text
    does not get the default: the False of a ``luigi.Parameter`` is not the text "False".
    """

    name: str
    type: str
    required: bool
    default: str | None = None
    description: str | None = None
    choices: Texts | None = None
    significant: bool = True
    private: bool = False
    optional: bool = False
    default_readable: bool = True


class TaskDescription(Message, frozen=True):
    """One task class of a chain; ``note`` tells what is unusual about it."""

    name: str
    doc: str
    parameters: Annotated[list[ParameterDescription], MANY] = field(default_factory=list)
    schedule: str | None = None
    error: str | None = None
    catch_up: str | None = None
    note: str | None = None


class LeftOut(Message, frozen=True):
    """A Luigi task of a chain file that has no route, and why."""

    name: str
    reason: str


class ChainDescription(Message, frozen=True):
    """One chain file: its tasks, or why it has none; ``left_out`` are those without a route.

    ``sources`` are the project's files that its import read, each with its time (ns) and size
    (bytes): while none changes, the description holds. ``reading``: the chain is being imported now,
    and this is the description from before. ``keeps`` has the option ``keep`` of each class that has
    one, by the class's name, also of those without a route.
    """

    type: str
    name: str
    path: str
    doc: str = ""
    tasks: Annotated[list[TaskDescription], MANY] = field(default_factory=list)
    error: str | None = None
    sources: Annotated[list[tuple[str, Integer, Integer]], MANY] = field(default_factory=list)
    left_out: Annotated[list[LeftOut], MANY] = field(default_factory=list)
    reading: bool = False
    keeps: dict[Name, str] = field(default_factory=dict)


# --- jobs for a child, and its replies -----------------------------------------------------


class DescribeJob(Message, frozen=True):
    """Import one chain file and describe it; the reply is a :class:`ChainDescription`."""

    type: str
    chain: str


class DescribeManyJob(Message, frozen=True):
    """Describe chains, each a type and a name; the reply: a :class:`ChainDescription` for each."""

    chains: Annotated[list[tuple[str, str]], MANY]


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
    the public parameters; long ones are cut.
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


class SchedulerReport(Message, frozen=True):
    """Whether the child reaches luigid; sent when that changes."""

    reachable: bool


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


# --- encoding ------------------------------------------------------------------------------

_KINDS: dict[str, type[Message]] = {
    cls.__name__: cls
    for cls in (
        DescribeJob, DescribeManyJob, ResolveJob, RunJob, UploadLogsJob,
        ChainDescription, Resolution, LogsUploaded, TaskReport, SchedulerReport, Refusal,
        Outcome,
    )
}  # fmt: skip


def register(*kinds: type[Message]) -> None:
    """Let :func:`decode` read these messages too."""
    _KINDS.update({cls.__name__: cls for cls in kinds})


#: Python's encoder, since lone surrogates (in a file's name, in an error's text) must pass.
_JSON = json.JSONEncoder(default=msgspec.structs.asdict)


def encode(message: Message) -> bytes:
    """Return ``message`` as one line of JSON that :func:`decode` reads."""
    return _JSON.encode([type(message).__name__, message]).encode() + b"\n"


def decode(line: bytes) -> Any:
    """Return the message that :func:`encode` wrote.

    Raises:
        ValueError: when the line is no message; it may come from a child that runs anything.
    """
    try:
        kind, content = json.loads(line)
        return _checked(msgspec.convert(content, _KINDS[kind]))
    except (TypeError, KeyError, ValueError, RecursionError) as problem:
        raise ValueError(f"not a record ({problem!s:.200}): {line[:200]!r}") from problem


def _checked(message: Message) -> Message:
    """Do what the types of fields can't: check a file's name, cut long texts."""
    output = getattr(message, "output", None)
    if output is not None and not is_file_name(output):
        raise ValueError(f"{output!r:.40} is no file name - at `$.output`")
    texts = {name: getattr(message, name, None) or "" for name in ("error", "message", "traceback")}
    long = {name: _cut(text) for name, text in texts.items() if len(text) > _LONGEST_TEXT}
    return msgspec.structs.replace(message, **long) if long else message


def _cut(text: str) -> str:
    """Return the beginning and the end of a long text: what was tried, and why it failed."""
    half = (_LONGEST_TEXT - len(_CUT)) // 2
    return f"{text[:half]}{_CUT}{text[-half:]}"
