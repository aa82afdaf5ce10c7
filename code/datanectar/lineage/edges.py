"""The requirements that runs have recorded, as pairs: the name of a required task, and of a requiring one.

A run records what a task requires where it looked: of a task whose result was there it does not know.
So the lineage of a result comes from several runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import (
    JSON,
    ColumnElement,
    FromClause,
    TableValuedAlias,
    Text,
    and_,
    case,
    cast,
    func,
    select,
    true,
    type_coerce,
)

from datanectar.database import Database
from datanectar.runs.tables import tasks

Pairs = set[tuple[str, str]]

#: Characters of ``chains/`` before a key's names, and of ``/<md5>`` behind them.
_BEFORE, _BEHIND = len("chains/"), 33
#: What begins the name of a task without a key, such as one of a library: its run alone knows it.
_WITHOUT_KEY = ":"


@dataclass
class Edges:
    """Who requires whom, in both directions."""

    feeds: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    needs: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add pairs of a required and a requiring task; none requires itself."""
        for required, requiring in pairs:
            if required != requiring:
                self.feeds[required].add(requiring)
                self.needs[requiring].add(required)

    def join_over(self, name: str) -> None:
        """Leave a task out: what requires it then requires what that does."""
        required, requiring = self.needs.pop(name, set()), self.feeds.pop(name, set())
        for one in required:
            self.feeds[one].discard(name)
        for one in requiring:
            self.needs[one].discard(name)
        self.add((one, other) for one in required for other in requiring)

    def pairs(self) -> Pairs:
        """Return all pairs."""
        return {(one, other) for one, others in self.feeds.items() for other in others}


def path(task: FromClause) -> ColumnElement[str]:
    """Return ``<type>/<chain>/<Task>`` of rows of tasks; NULL where there is no key."""
    length = func.length(task.c.key) - (_BEFORE + _BEHIND)
    return type_coerce(func.substr(task.c.key, _BEFORE + 1, length), Text)


def newest_rows(which: ColumnElement[bool], most: int | None = None) -> FromClause:
    """Return the rows of tasks that fulfil a condition; of more than ``most``, those of the newest runs."""
    newest = select(tasks).where(which).order_by(tasks.c.run_id.desc(), tasks.c.task_id)
    return newest.limit(most).subquery()


def pairs(database: Database, requiring: FromClause, *, by_key: bool) -> Pairs:
    """Return what the tasks of rows require.

    Args:
        requiring: the rows, of all columns of tasks.
        by_key: name tasks by their keys; otherwise by their paths.
    """
    required, item = tasks.alias(), _items(database, requiring.c.requires)
    columns = (requiring.c.run_id, _name(requiring, by_key).label("name"), item.c.value)
    # By itself, so that SQLite looks each one up, and does not compare all tasks of a run with all.
    needs = select(*columns).select_from(requiring.join(item, true())).distinct().subquery()
    is_required = and_(required.c.run_id == needs.c.run_id, required.c.task_id == needs.c.value)
    query = select(_name(required, by_key), needs.c.name).join(needs, is_required)
    edges = Edges()
    with database.read() as connection:
        edges.add((row[0], row[1]) for row in connection.execute(query.distinct()))
    for name in {name for pair in edges.pairs() for name in pair if name[0] == _WITHOUT_KEY}:
        edges.join_over(name)
    return edges.pairs()


def _name(task: FromClause, by_key: bool) -> ColumnElement[str]:
    of_run = _WITHOUT_KEY + type_coerce(task.c.run_id, Text) + " " + task.c.task_id
    return case((task.c.key.is_(None), of_run), else_=task.c.key if by_key else path(task))


def _items(database: Database, column: ColumnElement[str]) -> TableValuedAlias:
    """Return the items of lists that a column has as JSON."""
    text = type_coerce(column, Text)
    if database.is_sqlite:
        return func.json_each(text).table_valued("value")
    return func.json_array_elements_text(cast(text, JSON)).table_valued("value")
