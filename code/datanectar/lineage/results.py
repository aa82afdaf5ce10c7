"""The lineage of a result: what it was made of, and what was made from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import ColumnElement, and_, func, select

from datanectar.errors import NotFound
from datanectar.keys import Key, parse_key
from datanectar.lineage.edges import Edges, Pairs, newest_rows, pairs
from datanectar.runs.records import TaskRow
from datanectar.runs.tables import TASK_COLUMNS, has_status, runs, tasks, to_record
from datanectar.service.results import Place
from datanectar.service.service import Service
from datanectar.statuses import ACTIVE
from datanectar.storage.registry import default_name
from datanectar.storage.threads import mapped

#: The most results of a lineage, and runs that are read for it.
MOST_RESULTS, _MOST_RUNS = 10_000, 2_000
#: Keys in one statement, and runs, which may have thousands of tasks each.
_KEYS_AT_A_TIME, _RUNS_AT_A_TIME = 500, 50
#: A file of others in a parameter's text: its address, and the stamp of its state.
FILE = re.compile(r"(.+)#((?:etag|modified)=[^#…]+)", re.DOTALL)


@dataclass(frozen=True)
class Relative:
    """A result in the lineage of another, and how many steps it is away.

    ``task`` is the row of its task in the newest run that has it.
    """

    key: Key
    steps: int
    task: TaskRow

    @property
    def type(self) -> str:
        """The type of its chain."""
        return self.key.type


@dataclass(frozen=True)
class File:
    """A file of others that a result was made of, in the state that the stamp names."""

    address: str
    stamp: str
    read_by: Key

    @property
    def type(self) -> str:
        """The type of the chain that read it."""
        return self.read_by.type


@dataclass(frozen=True)
class Lineage:
    """A result, what it was made of (``up``) and what was made from it (``down``), the nearest first.

    ``is_cut``: there is more than was read.
    """

    key: Key
    task: TaskRow | None
    up: list[Relative] = field(default_factory=list)
    down: list[Relative] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    pairs: Pairs = field(default_factory=set)
    is_cut: bool = False


def lineage(service: Service, key: Key, *, up: bool = True, down: bool = True) -> Lineage:
    """Return the lineage of a result, as the runs of this service have recorded it.

    Args:
        up, down: the directions to look in.

    Raises:
        NotFound: when nothing is known of the key.
    """
    reader, name = _Reader(service), str(key)
    if not reader.rows([name]) and not _is_known(service, key):
        raise NotFound(f"Nothing is known of {key}: no run of this service has had it.")
    above = reader.steps(name, upwards=True) if up else {}
    below = reader.steps(name, upwards=False) if down else {}
    rows = reader.rows({name, *above, *below})
    made_of = _relatives(above, rows)
    return Lineage(
        key,
        rows.get(name),
        made_of,
        _relatives(below, rows),
        files=_files([rows.get(name), *(each.task for each in made_of)]),
        pairs={pair for pair in reader.edges.pairs() if rows.keys() >= {*pair}},
        is_cut=reader.is_cut,
    )


def _is_known(service: Service, key: Key) -> bool:
    """Tell whether a run waits that is for the key, or a result lies there that no run has made."""
    return bool(service.store.latest(str(key)) or service.results.without_run(key, None))


def _relatives(steps: dict[str, int], rows: dict[str, TaskRow]) -> list[Relative]:
    return [
        Relative(parse_key(name), count, rows[name])
        for name, count in steps.items()
        if name in rows  # its runs may just have left the history
    ]


def _files(tasks: Iterable[TaskRow | None]) -> list[File]:
    """Return the files of others that the parameters of tasks name."""
    return [
        File(found[1], found[2], parse_key(task.key or ""))
        for task in tasks
        if task is not None
        for text in task.params.values()
        if (found := FILE.fullmatch(text))
    ]


def there(service: Service, relatives: Collection[Relative]) -> set[Key]:
    """Return the keys of those results that are there now."""
    by_name = {str(each.key): each for each in relatives}
    default = default_name(service.settings)

    def is_there(name: str) -> bool:
        task = by_name[name].task
        place = Place(task.storage or default, task.output, task.results, task.storage is not None)
        return bool(service.results.look(by_name[name].key, place).files)

    found = mapped(is_there, by_name)
    return {each.key for each, there in zip(by_name.values(), found, strict=True) if there}


def in_use(service: Service, keys: Iterable[Key]) -> dict[str, str]:
    """Return the runs that are still to end and need these results: their ids by key."""
    active = select(tasks.c.key, tasks.c.run_id).join(runs, runs.c.id == tasks.c.run_id)
    found: dict[str, str] = {}
    with service.store.database.read() as connection:
        for some in _divided(str(key) for key in keys):
            query = active.where(has_status(*ACTIVE), tasks.c.key.in_(some))
            found |= {row.key: row.run_id for row in connection.execute(query)}
    return found


class _Reader:
    """Reads the edges of those runs that had given results among their tasks, each run once."""

    def __init__(self, service: Service) -> None:
        self._database = service.store.database
        self.edges, self.is_cut = Edges(), False
        self._read: set[str] = set()

    def steps(self, start: str, *, upwards: bool) -> dict[str, int]:
        """Return how many steps what a result was made of is away, or what was made from it."""
        found, next_ones = {start: 0}, [start]
        while next_ones:
            self._read_runs_of(next_ones, tasks.c.started.is_not(None) if upwards else None)
            nearest, next_ones = next_ones, []
            for name in nearest:
                others = (self.edges.needs if upwards else self.edges.feeds)[name]
                for other in sorted(others - found.keys()):
                    found[other] = found[name] + 1
                    next_ones.append(other)
            if len(found) > MOST_RESULTS + 1:
                self.is_cut = True
                break
        return dict(islice(found.items(), 1, MOST_RESULTS + 1))

    def rows(self, names: Collection[str]) -> dict[str, TaskRow]:
        """Return the row of each key's task in the newest run that has it."""
        found: dict[str, TaskRow] = {}
        with self._database.read() as connection:
            for some in _divided(names):
                last = select(tasks.c.key, func.max(tasks.c.run_id)).where(tasks.c.key.in_(some))
                newest = {row[0]: row[1] for row in connection.execute(last.group_by(tasks.c.key))}
                # Not by a join: SQLite would read the whole table for it.
                both = and_(tasks.c.key.in_(some), tasks.c.run_id.in_({*newest.values()}))
                for row in connection.execute(select(*TASK_COLUMNS).where(both)).mappings():
                    if newest[row["key"]] == row["run_id"]:
                        found[row["key"]] = to_record(TaskRow, row)
        return found

    def _read_runs_of(self, names: list[str], which: ColumnElement[bool] | None) -> None:
        runs_of = sorted(self._runs_of(names, which) - self._read)
        for some in _divided(runs_of, _RUNS_AT_A_TIME):
            rows = newest_rows(tasks.c.run_id.in_(some))
            self.edges.add(pairs(self._database, rows, by_key=True))
            self._read.update(some)

    def _runs_of(self, names: list[str], which: ColumnElement[bool] | None) -> set[str]:
        found: set[str] = set()
        with self._database.read() as connection:
            for some in _divided(names):
                query = select(tasks.c.run_id).where(tasks.c.key.in_(some)).distinct()
                query = query if which is None else query.where(which)
                newest = query.order_by(tasks.c.run_id.desc()).limit(_MOST_RUNS + 1)
                found.update(connection.execute(newest).scalars())
        if len(found | self._read) <= _MOST_RUNS:
            return found
        self.is_cut = True
        return set(sorted(found - self._read, reverse=True)[: _MOST_RUNS - len(self._read)])


def _divided(names: Iterable[str], most: int = _KEYS_AT_A_TIME) -> Iterator[list[str]]:
    waiting = iter(names)
    while some := list(islice(waiting, most)):
        yield some
