"""What chains there are: what a child that has imported them tells."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from datanectar.messages.fields import MANY, Integer, Message, Name, Texts
from datanectar.messages.wire import register


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


class DescribeJob(Message, frozen=True):
    """Import one chain file and describe it; the reply is a :class:`ChainDescription`."""

    type: str
    chain: str


class DescribeManyJob(Message, frozen=True):
    """Describe chains, each a type and a name; the reply: a :class:`ChainDescription` for each."""

    chains: Annotated[list[tuple[str, str]], MANY]


register(DescribeJob, DescribeManyJob, ChainDescription)
