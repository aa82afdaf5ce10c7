"""The parameters of two runs, and which of their tasks belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from datanectar.runs.records import Run, TaskRow
from datanectar.views.graph.drawing import natural, parameters_of, task_name

#: The most pairs of tasks that are shown.
MOST_PAIRS = 100


@dataclass(frozen=True)
class Value:
    """What both runs have under one name; None where one has nothing."""

    name: str
    left: str | None
    right: str | None

    @property
    def differs(self) -> bool:
        """Whether it is not the same."""
        return self.left != self.right


@dataclass(frozen=True)
class TaskPair:
    """A task of the one run and that of the other; None where one has none."""

    left: TaskRow | None
    right: TaskRow | None

    @property
    def one(self) -> TaskRow:
        """One of them."""
        found = self.right or self.left
        assert found is not None  # a pair has one at least
        return found

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        """How long each took; None: it is not there, was done before, or has not ended."""
        return seconds_of(self.left), seconds_of(self.right)

    @property
    def difference(self) -> float | None:
        """By how many seconds the right one took longer."""
        left, right = self.seconds
        return None if left is None or right is None else right - left


def values(left: Mapping[str, str], right: Mapping[str, str]) -> list[Value]:
    """Return the parameters of two runs, in the order of the task."""
    return [Value(name, left.get(name), right.get(name)) for name in {**left, **right}]


def seconds_of(task: TaskRow | None) -> float | None:
    """Return how long a task took."""
    if task is None or task.started is None or task.finished is None:
        return None
    return max(0.0, task.finished - task.started)


def task_pairs(
    left: tuple[Run, Iterable[TaskRow]], right: tuple[Run, Iterable[TaskRow]]
) -> list[TaskPair]:
    """Return the tasks of two runs in pairs, those first whose status or duration differs most.

    Tasks of one family belong together if they have the same parameters, apart from those in which
    the runs themselves differ; of what is left of a family, the first with the first and so on, if
    there are equally many.
    """
    differing = [
        value.name
        for value in values(left[0].public_params, right[0].public_params)
        if value.differs
    ]
    sides = [_by_place(run, tasks, differing) for run, tasks in (left, right)]
    pairs = [
        TaskPair(sides[0].pop(place), sides[1].pop(place))
        for place in [*sides[0]]
        if place in sides[1]
    ]
    rest: dict[str, tuple[list[TaskRow], list[TaskRow]]] = defaultdict(lambda: ([], []))
    for number, side in enumerate(sides):
        for task in side.values():
            rest[task.family][number].append(task)
    for ones, others in rest.values():
        pairs += _in_order(ones, others)
    return sorted(pairs, key=_rank)


def _by_place(
    run: Run, tasks: Iterable[TaskRow], differing: list[str]
) -> dict[tuple[object, ...], TaskRow]:
    own = {name: run.public_params.get(name) for name in differing}

    def place(task: TaskRow) -> tuple[object, ...]:
        kept = [
            (name, "" if own.get(name, 0) == text else text) for name, text in task.params.items()
        ]
        return task.family, tuple(sorted(kept))

    return {place(task): task for task in tasks}


def _in_order(ones: list[TaskRow], others: list[TaskRow]) -> list[TaskPair]:
    if len(ones) == len(others):
        ordered = (
            sorted(side, key=lambda task: natural(parameters_of(task))) for side in (ones, others)
        )
        return [TaskPair(*pair) for pair in zip(*ordered, strict=True)]
    return [*(TaskPair(one, None) for one in ones), *(TaskPair(None, other) for other in others)]


def _rank(pair: TaskPair) -> tuple[bool, float, str]:
    is_alike = (
        pair.left is not None and pair.right is not None and pair.left.status == pair.right.status
    )
    return is_alike, -abs(pair.difference or 0.0), task_name(pair.one)
