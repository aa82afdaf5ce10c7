"""What pages ask of children, beside the messages of runs.

These are the rows of a file, a graph before a run, and the keys of a task for many values.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from datanectar.messages.fields import MANY, Integer, Key, Message, Name, Names, Stamp, Texts
from datanectar.messages.wire import register

#: The most tasks of a graph, and the most rows of a table.
MOST_TASKS, MOST_ROWS = 500, 50
#: The most values of a grid, and the most tasks in it.
MOST_COLUMNS, MOST_CELLS = 62, 2000


class TableJob(Message, frozen=True):
    """Read the first rows of a file of columns (Parquet, Excel); the reply: :class:`TableRows`.

    The file is at ``path`` on this host, else the object ``object`` of the store ``storage``.
    ``format`` is ``parquet`` or ``excel``.
    """

    format: str
    path: str | None = None
    storage: str = ""
    object: str = ""


class TableRows(Message, frozen=True):
    """The first rows of a file as texts; ``count`` counts all of its rows, where the file tells."""

    header: Texts
    rows: Annotated[list[Texts], Meta(max_length=MOST_ROWS)]
    types: Texts = field(default_factory=list)
    count: Integer | None = None
    sheets: Texts = field(default_factory=list)


class OutlineJob(Message, frozen=True):
    """Find what a task requires, without running anything; the reply: an :class:`Outline`."""

    type: str
    chain: str
    task: str
    raw: dict[str, Any]
    run_time: str


class OutlineTask(Message, frozen=True):
    """A task of a graph before any run; ``complete`` is None when it was not looked at."""

    task_id: Name
    family: Name
    params: dict[str, str]
    requires: Names
    key: Key | None = None
    complete: bool | None = None


class Outline(Message, frozen=True):
    """The tasks that a request would run; ``cut``: there are more, or time was over."""

    tasks: Annotated[list[OutlineTask], Meta(max_length=MOST_TASKS)]
    cut: bool = False


class GridJob(Message, frozen=True):
    """Find the keys of a task, and of all it requires, for many values; the reply: a :class:`Grid`.

    ``over`` is the parameter whose values differ; empty: the first that has periods of time, else
    the first. ``last`` is its last value; empty: the latest that there is. ``count`` is how many
    values there are at most. ``raw`` has the values of other parameters, ``ran`` the public ones of
    the last runs, the newest first.
    """

    type: str
    chain: str
    task: str
    raw: dict[str, Any]
    run_time: str
    over: str = ""
    last: str = ""
    count: Annotated[int, Meta(ge=1, le=MOST_COLUMNS)] = 28
    ran: Annotated[list[dict[str, str]], MANY] = field(default_factory=list)


class GridTask(Message, frozen=True):
    """A task of a grid: the columns that it belongs to, and whether it is there.

    ``complete`` is None when it was not looked at.
    """

    family: Name
    params: dict[str, str]
    columns: Annotated[list[Integer], MANY]
    key: Key | None = None
    complete: bool | None = None


class Grid(Message, frozen=True):
    """The keys of a task by the values of one parameter, those of the first column being the oldest.

    ``fixed`` has the task's other values, ``looked`` when the look for results began. ``is_range``:
    the values are periods of time without a gap. ``cut``: what is required is too much, and left out.
    """

    over: str
    columns: Texts
    fixed: dict[str, str]
    tasks: Annotated[list[GridTask], MANY]
    looked: Stamp
    is_range: bool = False
    cut: bool = False


register(TableJob, TableRows, OutlineJob, Outline, GridJob, Grid)
