"""What crosses from one process to another: messages of plain values, checked as they are read.

They travel as JSON lines (:func:`encode`, :func:`decode`), never as pickles: a child that runs an
author's code must not be able to make its parent run anything. The type of a field says what it may
hold; :func:`decode` refuses anything else, because a database, a clock or a page may not bear it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from datanectar.keys import is_file_name
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING

# --- types of fields -----------------------------------------------------------------------

#: Characters that a text for people keeps; a longer one loses its middle.
_LONGEST_TEXT = 32_000
_CUT = "\n[...]\n"

#: The largest whole number that every store holds, and the latest time (a Unix stamp).
_LARGEST_INTEGER = 2**63 - 1
_LATEST = 1e11
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,199}"
#: Items in a list. A task that requires more is reported in several messages.
_MANY = Meta(max_length=100_000)

Key = Annotated[str, Meta(pattern=rf"^chains/({_NAME}/){{3}}[0-9a-f]{{32}}\Z")]
#: An id, a family, an address: longer than any honest one.
Name = Annotated[str, Meta(max_length=2000)]
Names = Annotated[list[Name], _MANY]
Texts = Annotated[list[str], _MANY]
#: The texts of a task's public parameters, cut to what a page shows.
ShownParams = Annotated[dict[str, str], Meta(max_length=100)]
Integer = Annotated[int, Meta(ge=-_LARGEST_INTEGER, le=_LARGEST_INTEGER)]
Stamp = Annotated[float, Meta(ge=0, le=_LATEST)]
Percent = Annotated[int, Meta(ge=0, le=100)]
LogNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
Width = Annotated[int, Meta(ge=1, le=1000)]
#: A store's name or address (``datanectar.storage.registry``). The place begins with no dot, so that
#: it can't name a folder above.
StorageName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9+.-]{0,30}(://[A-Za-z0-9_-][A-Za-z0-9._-]{0,254})?\Z")
]
TaskStatus = Annotated[str, Meta(pattern=rf"^({PENDING}|{RUNNING}|{DONE}|{FAILED})\Z")]
RunEnd = Annotated[str, Meta(pattern=rf"^({DONE}|{FAILED})\Z")]


#: Every kind of message by its name. A process reads those whose modules it has imported.
_KINDS: dict[str, type[Message]] = {}


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The root of what :func:`decode` reads. Its fields are checked there, not when it is made."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Have :func:`decode` know the kind."""
        super().__init_subclass__(**options)
        _KINDS[cls.__name__] = cls


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
    parameters: Annotated[list[ParameterDescription], _MANY] = field(default_factory=list)
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
    and this is the description from before.
    """

    type: str
    name: str
    path: str
    doc: str = ""
    tasks: Annotated[list[TaskDescription], _MANY] = field(default_factory=list)
    error: str | None = None
    sources: Annotated[list[tuple[str, Integer, Integer]], _MANY] = field(default_factory=list)
    left_out: Annotated[list[LeftOut], _MANY] = field(default_factory=list)
    reading: bool = False


# --- jobs for a child, and its replies -----------------------------------------------------


class DescribeJob(Message, frozen=True):
    """Import one chain file and describe it; the reply is a :class:`ChainDescription`."""

    type: str
    chain: str


class DescribeManyJob(Message, frozen=True):
    """Describe chains, each a type and a name; the reply: a :class:`ChainDescription` for each."""

    chains: Annotated[list[tuple[str, str]], _MANY]


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
    upstream: Annotated[list[Key], _MANY] = field(default_factory=list)


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


class AttemptLost(Message, frozen=True):
    """The attempt is lost by no fault of its tasks, such as with the engine that ran them."""

    reason: str


class Refusal(Message, frozen=True):
    """The reply of a child that could not do its job: an error class by name, and its message."""

    error: Name
    message: str
    fields: dict[str, str] = field(default_factory=dict)


# --- encoding ------------------------------------------------------------------------------

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
