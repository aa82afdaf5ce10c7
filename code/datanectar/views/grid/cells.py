"""The cells of a grid: what became of the keys of a task, and of all it requires, for each value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from datanectar.messages.pages import Grid, GridTask
from datanectar.runs.statistics.keys import KeyState
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED, PENDING, RUNNING

#: A result that is not there and that no run makes; beside the statuses of runs.
MISSING = "MISSING"
#: The most rows that are shown.
MOST_ROWS = 30
#: What a cell of several tasks is, the first that one of them is.
_FIRST = (RUNNING, FAILED, PENDING, CANCELLED, MISSING, DONE)
#: A period of time, and what stands over several of its kind: 2026-11-28 is 28 of 2026-11.
_PERIOD = re.compile(r"(?:(\d{4}-\d\d)-(\d\d)|(\d{4}-\d\d-\d\d)T(\d{2,4})|(\d{4})-(W?\d\d))\Z")

#: What stands for each status in a cell.
MARKS = {DONE: "✓", FAILED: "✕", RUNNING: "▸", PENDING: "○", CANCELLED: "◇", MISSING: "·"}

States = Mapping[str, KeyState]


def in_words(status: str) -> str:
    """Return the word for a status: of one that is pending, that it waits."""
    return "waiting" if status == PENDING else status.lower()


@dataclass(frozen=True)
class Cell:
    """The tasks of a row and a column together: the status, and how many of them are done."""

    column: str
    status: str
    done: int
    total: int

    @property
    def words(self) -> str:
        """What the cell shows, in words."""
        alone = self.total == 1 or self.status == DONE
        status = in_words(self.status)
        return status if alone else f"{status}, {self.done} of {self.total} done"


@dataclass(frozen=True)
class Row:
    """A family of tasks; a column in which it has none has no cell."""

    family: str
    cells: list[Cell | None]

    @property
    def name(self) -> str:
        """The task's class."""
        return self.family.rpartition(".")[2]


def status_of(task: GridTask, states: States, looked: float) -> str:
    """Return what became of a task.

    Args:
        task: what a child found.
        states: what the run store knows of keys whose result was not there.
        looked: when the child looked; what was made later is there.
    """
    state = states.get(task.key or "")
    if task.complete:
        return DONE
    if state is None:
        return MISSING
    if state.status == DONE:  # it was dropped since, unless nobody could tell whether it is there
        return DONE if task.complete is None or (state.finished or 0) >= looked else MISSING
    return state.status if state.status in (*ACTIVE, FAILED, CANCELLED) else MISSING


def rows(grid: Grid, states: States) -> list[Row]:
    """Return the rows of a grid, the task's own first."""
    by_family: dict[str, list[list[str]]] = {}
    for task in grid.tasks:
        lists = by_family.setdefault(task.family, [[] for _ in grid.columns])
        for column in task.columns:
            lists[column].append(status_of(task, states, grid.looked))
    return [
        Row(family, [_cell(*pair) for pair in zip(grid.columns, lists, strict=True)])
        for family, lists in by_family.items()
    ]


def _cell(column: str, statuses: list[str]) -> Cell | None:
    if not statuses:
        return None
    counts = Counter(statuses)
    status = next(one for one in _FIRST if counts[one])
    return Cell(column, status, counts[DONE], len(statuses))


def tasks_of(grid: Grid, family: str, column: str) -> list[GridTask]:
    """Return the tasks that a cell is about."""
    number = grid.columns.index(column) if column in grid.columns else -1
    return [task for task in grid.tasks if task.family == family and number in task.columns]


def heads(columns: list[str]) -> tuple[list[tuple[str, int]], list[str]]:
    """Return what stands over columns, with how many each is over, and their own short texts."""
    pairs = list(map(_head, columns))
    over = [(name, len(list(group))) for name, group in groupby(pairs, key=itemgetter(0))]
    return (over if any(name for name, _ in over) else []), [short for _, short in pairs]


def _head(column: str) -> tuple[str, str]:
    found = _PERIOD.match(column)
    over, short = filter(None, found.groups()) if found else ("", column)
    return over, short


def keys_to_look_up(grid: Grid) -> Iterator[str]:
    """Yield the keys whose results were not there."""
    return (task.key for task in grid.tasks if task.key and not task.complete)
