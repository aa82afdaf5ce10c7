"""What pages ask of children, beside the messages of runs: the rows of a file, a graph before a run."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from datanectar.messages.fields import Integer, Key, Message, Name, Names, Texts
from datanectar.messages.wire import register

#: The most tasks of a graph, and the most rows of a table.
MOST_TASKS, MOST_ROWS = 500, 50


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


register(TableJob, TableRows, OutlineJob, Outline)
