"""The names of chains and tasks that have run, found by the index alone."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Select, func, select

from datanectar.database import Database
from datanectar.runs.tables import runs

#: So many names at most are looked up one by one.
_FEW = 20


def names_with(database: Database, column: str, part: str) -> list[str]:
    """Return the names that contain a text, in small or large letters.

    Args:
        column: ``type``, ``chain`` or ``task``: one with an index of its own.
        part: what a name is to contain.
    """
    with database.read() as connection:
        names = connection.execute(_DISTINCT[column]).scalars()
        return [name for name in names if part.lower() in name.lower()]


def has_part(database: Database, column: str, part: str) -> ColumnElement[bool]:
    """Return the condition that a run's name contains a text; see :func:`names_with`."""
    names = names_with(database, column, part)
    if len(names) <= _FEW:  # by their index; of many names, a scan soon finds enough
        return runs.c[column].in_(names)
    return database.contains(func.lower(runs.c[column]), part.lower())


def _distinct(column: Column[str]) -> Select[str]:
    """Return the statement that jumps from each name to the next: DISTINCT would read every run."""
    later = runs.alias("later")
    found = select(func.min(column).label("name")).cte("found", recursive=True)
    following = select(func.min(later.c[column.name])).where(later.c[column.name] > found.c.name)
    step = select(following.scalar_subquery()).where(found.c.name.is_not(None))
    every = found.union_all(step)
    return select(every.c.name).where(every.c.name.is_not(None))


_DISTINCT = {name: _distinct(runs.c[name]) for name in ("type", "chain", "task")}
