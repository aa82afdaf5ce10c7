"""What crosses a process or lies in the run store: frozen dataclasses with nothing live in them.

They travel as JSON (:func:`encode`, :func:`decode`), never as pickles: a child that runs an
author's code must not be able to make its parent run anything. What a field may hold stands in its
type: :func:`decode` lets nothing else in, since a database, a clock or a page may not bear it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from datanectar.errors import BadRequest
from datanectar.keys import is_file_name, parse_key
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING

# --- what a child may say ------------------------------------------------------------------

#: Bounds of what is read. Numbers: the largest that every store and clock holds. Characters: more
#: than any honest name or address has; text for people is cut instead.
_LARGEST_INTEGER = 2**63 - 1
_LATEST = 1e11
_WIDEST = 1000
_LONGEST_NAME, _LONGEST_TEXT = 2000, 32_000
#: So many items a list may have: a task that requires many others is told in several reports.
_LONGEST_LIST = 100_000
_CUT = "\n[...]\n"
#: A store's name or address (``datanectar.storage.registry``); the place begins with no dot, so that it
#: leads nowhere else.
_STORE = re.compile(r"[a-z][a-z0-9+.-]{0,30}(://[A-Za-z0-9_-][A-Za-z0-9._-]{0,254})?")


def _between(low: float, high: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not low <= value <= high:
            raise ValueError(f"{value!r:.40} is not from {low} to {high}")
        return value

    return check


def _one_of(*words: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"{value!r:.40} is none of {words}")
        return value

    return check


def _short(value: str) -> str:
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"{len(value)} characters are more than {_LONGEST_NAME}")
    return value


def _cut(value: str) -> str:
    """Return the beginning and the end of a long text: what was tried, and why it failed."""
    if len(value) <= _LONGEST_TEXT:
        return value
    half = (_LONGEST_TEXT - len(_CUT)) // 2
    return f"{value[:half]}{_CUT}{value[-half:]}"


def _key(value: str) -> str:
    try:
        spelt = str(parse_key(value))
    except BadRequest as problem:
        raise ValueError(problem.message) from problem
    return _one_of(spelt)(value)


def _file_name(value: str) -> str:
    if not is_file_name(value):
        raise ValueError(f"{value!r:.40} is no file name")
    return value


def _store(value: str) -> str:
    if _STORE.fullmatch(value) is None:
        raise ValueError(f"{value!r:.40} is no store")
    return value


Key = Annotated[str, _key]
FileName = Annotated[str, _file_name]
Name = Annotated[str, _short]
Words = Annotated[str, _cut]
Stamp = Annotated[float, _between(0, _LATEST)]
Percent = Annotated[int, _between(0, 100)]
LogNumber = Annotated[int, _between(1, 1_000_000)]
Width = Annotated[int, _between(1, _WIDEST)]
StorageName = Annotated[str, _store]
TaskStatus = Annotated[str, _one_of(PENDING, RUNNING, DONE, FAILED)]
RunEnd = Annotated[str, _one_of(DONE, FAILED)]


# --- what a chain offers -------------------------------------------------------------------


@dataclass(frozen=True)
class ParameterDescription:
    """One parameter of a task, as ``GET /api/chains`` shows it.

    ``default`` is the default's text. Where ``default_readable`` is false, giving that text is not
    giving the default: the False of a ``luigi.Parameter`` is not the text "False".
    """

    name: str
    type: str
    required: bool
    default: str | None = None
    description: str | None = None
    choices: list[str] | None = None
    significant: bool = True
    private: bool = False
    optional: bool = False
    default_readable: bool = True


@dataclass(frozen=True)
class TaskDescription:
    """One task class of a chain. ``note`` says what is unusual about it."""

    name: str
    doc: str
    parameters: list[ParameterDescription] = field(default_factory=list)
    schedule: str | None = None
    error: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """A Luigi task of a chain file that has no route, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class ChainDescription:
    """One chain file: its tasks, or why it has none; ``left_out`` are those without a route.

    ``sources`` are the project's files that its import read, each with its time (ns) and size
    (bytes): when none has changed, neither has this record. A chain that is ``reading`` is being imported
    at this moment, and shown as it was known before.
    """

    type: str
    name: str
    path: str
    doc: str = ""
    tasks: list[TaskDescription] = field(default_factory=list)
    error: str | None = None
    sources: list[tuple[str, int, int]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    reading: bool = False


# --- jobs for a child, and its answers -----------------------------------------------------


@dataclass(frozen=True)
class DescribeJob:
    """Import one chain file and describe it; the answer is a :class:`Chain`."""

    type: str
    chain: str


@dataclass(frozen=True)
class DescribeManyJob:
    """Describe several chains, each a type and a name; the answers: a :class:`Chain` of each."""

    chains: list[tuple[str, str]]


@dataclass(frozen=True)
class ResolveJob:
    """Turn a request's raw parameters into a task and its key; the answer: :class:`Resolution`.

    A child that ``stays`` then waits for the :class:`RunJob` of it.
    """

    type: str
    chain: str
    task: str
    raw: dict[str, Any]
    run_time: str
    stays: bool = False


@dataclass(frozen=True)
class Resolution:
    """A request understood: what will run, and under which key.

    ``complete`` is None when the storage can tell by looking for ``output``; a task with an
    ``output()`` or ``complete()`` of its own has answered for itself. ``given`` names the parameters
    that the request gave; ``results`` are the addresses (paths, ``s3://`` URLs) of declared outputs
    that do not lie under the key.
    """

    key: Key
    task_id: Name
    params: dict[str, str]
    public_params: dict[str, str]
    defaulted: list[str]
    source: str
    run_time: str
    storage: StorageName
    output: FileName | None
    complete: bool | None = None
    width: Width = 1
    run_timeout: Stamp | None = None
    given: list[str] = field(default_factory=list)
    results: list[Name] = field(default_factory=list)


@dataclass(frozen=True)
class RunJob:
    """Build the root task and all it requires; the answers: reports, then an :class:`Outcome`.

    ``given`` names the parameters that the request gave; None: all of ``params``.
    """

    run_id: str
    attempt: int
    type: str
    chain: str
    task: str
    params: dict[str, str]
    run_time: str
    key: str
    attempt_dir: str
    assistant: int = 0
    width: int = 1
    given: list[str] | None = None


@dataclass(frozen=True)
class UploadLogsJob:
    """Upload the logs of an attempt that have grown since they were last uploaded.

    ``storage`` is the run's store.
    """

    attempt_dir: str
    storage: str = "s3"


@dataclass(frozen=True)
class LogsUploaded:
    """The answer to a :class:`UploadLogsJob`: how many logs were copied."""

    count: int


@dataclass(frozen=True)
class TaskReport:
    """What a run child has just told luigid, or been told by it, about one task of its graph.

    Fields that are None say nothing new. ``log_number`` is N where the log that the task now writes
    will be ``log.N`` once a later attempt has its place. ``storage`` and ``output`` are where the
    result lies under the task's key; ``results`` are the addresses of outputs that lie elsewhere.
    """

    task_id: Name
    key: Key | None = None
    family: Name | None = None
    status: TaskStatus | None = None
    requires: list[Name] | None = None
    started: Stamp | None = None
    finished: Stamp | None = None
    error: Words | None = None
    progress: Percent | None = None
    message: Words | None = None
    tracking_url: Name | None = None
    log_number: LogNumber | None = None
    storage: StorageName | None = None
    output: FileName | None = None
    results: list[Name] | None = None
    traceback: Words | None = None


@dataclass(frozen=True)
class SchedulerReport:
    """luigid could be reached again, or could not."""

    reachable: bool


@dataclass(frozen=True)
class Outcome:
    """How a run child's work ended: ``status`` is DONE or FAILED."""

    status: RunEnd
    error: Words | None = None
    traceback: Words | None = None
    failed_key: Key | None = None


@dataclass(frozen=True)
class Refusal:
    """A child's answer when it could not do its job: an error class by name, and its words."""

    error: Name
    message: Words
    fields: dict[str, str] = field(default_factory=dict)


# --- travelling ----------------------------------------------------------------------------

_KINDS: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        DescribeJob, DescribeManyJob, ResolveJob, RunJob, UploadLogsJob,
        ChainDescription, Resolution, LogsUploaded, TaskReport, SchedulerReport, Outcome, Refusal,
    )
}  # fmt: skip


_JSON = json.JSONEncoder(default=vars)  # a record's fields, and those of the records in it


def encode(record: Any) -> bytes:
    """Return ``record`` as one line of JSON that :func:`decode` reads."""
    return _JSON.encode([type(record).__name__, record]).encode() + b"\n"


def decode(line: bytes) -> Any:
    """Return the record that :func:`encode` wrote.

    Raises:
        ValueError: when the line is not one of ours; it may come from a child gone wild.
    """
    try:
        kind, content = json.loads(line)
        return _reader(_KINDS[kind])(content)
    except (
        TypeError,
        KeyError,
        AttributeError,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as wrong:
        raise ValueError(f"not a record ({wrong!s:.200}): {line[:200]!r}") from wrong


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """Return what makes of JSON's value one as the field's type has it, or raises an error.

    Parents rely on the types that records name.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return lambda value: value
    if origin is Annotated:
        read, check = _reader(inner[0]), inner[1]
        return lambda value: check(read(value))
    if origin in (types.UnionType, typing.Union):  # X | None
        read = _reader(inner[0])
        return lambda value: None if value is None else read(value)
    if origin in (list, tuple, dict):
        return _collection_reader(origin, inner)
    if dataclasses.is_dataclass(hint):
        return _record_reader(hint)
    return _PLAIN.get(hint) or (lambda value: _checked(hint, value))


def _collection_reader(origin: Any, inner: tuple[Any, ...]) -> Callable[[Any], Any]:
    reads = [_reader(part) for part in inner]
    if origin is list:
        return lambda value: [reads[0](item) for item in _items(value)]
    if origin is tuple:
        return lambda value: tuple(
            read(item) for read, item in zip(reads, _items(value), strict=True)
        )
    return lambda value: {name: reads[1](item) for name, item in _checked(dict, value).items()}


def _record_reader(cls: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    reads = {name: _reader(hint) for name, hint in hints.items()}

    def read(content: Any) -> Any:
        values = {}
        for name, value in content.items():
            try:
                values[name] = reads[name](value)
            except (TypeError, ValueError, ArithmeticError) as wrong:
                raise ValueError(f"{name}: {wrong}") from wrong
        return cls(**values)

    return read


def _items(value: Any) -> list[Any]:
    if len(_checked(list, value)) > _LONGEST_LIST:
        raise ValueError(f"{len(value)} items are more than {_LONGEST_LIST}")
    return list(value)


def _integer(value: Any) -> Any:
    if isinstance(value, bool) or not -_LARGEST_INTEGER <= _checked(int, value) <= _LARGEST_INTEGER:
        raise ValueError(f"{value!r:.40} is no whole number that a store holds")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, bool) or not math.isfinite(_checked((int, float), value)):
        raise ValueError(f"{value!r:.40} is no finite number")
    return value


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.40} is no {getattr(kind, '__name__', 'number')}")
    return value


_PLAIN: dict[Any, Callable[[Any], Any]] = {int: _integer, float: _finite}
