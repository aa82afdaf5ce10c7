"""The layout of a run's graph, in layers: a task is right of the tasks that it requires.

Coordinates are in pixels; the template only draws. A graph of more than :data:`LARGEST` tasks
is drawn by family, one box for all tasks of a class.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from datanectar.http.task_graph import edges
from datanectar.runs.records import TaskRow
from datanectar.statuses import CANCELLED, DISABLED, DONE, FAILED, PENDING, RUNNING

#: The most tasks that are drawn one by one: at all, and without being asked.
LARGEST = 300
COMFORTABLE = 12

WIDTH, HEIGHT = 192, 46
_GAP_X, _GAP_Y, _MARGIN = 44, 14, 8
_SWEEPS = 4
_LABEL_LENGTH = 21
#: A family's status is the first of these that any of its tasks has.
_FAMILY_STATUS = (FAILED, DISABLED, RUNNING, PENDING, CANCELLED)


@dataclass(frozen=True)
class Node:
    """A box: one task, or all tasks of a family. ``key`` is None when there is no log to show."""

    id: str
    label: str
    detail: str
    title: str
    status: str
    key: str | None = None
    x: float = 0
    y: float = 0


@dataclass(frozen=True)
class Drawing:
    """The boxes, and the SVG paths of the lines between them."""

    nodes: list[Node]
    lines: list[str]
    width: float
    height: float
    by_family: bool


def draw(tasks: list[TaskRow], *, by_family: bool = False) -> Drawing:
    """Return the graph of a run's tasks.

    Args:
        by_family: draw one box for each family, also when the graph is small.
    """
    by_family = by_family or len(tasks) > LARGEST
    nodes, lines = _families(tasks) if by_family else _single(tasks)
    layers = _ordered(_layers(list(nodes), lines), lines)
    tallest = max(map(len, layers), default=0)
    placed = {
        name: replace(nodes[name], x=_x(column), y=_y(row, len(layer), tallest))
        for column, layer in enumerate(layers)
        for row, name in enumerate(layer)
    }
    paths = [_path(placed[a], placed[b]) for a, b in sorted(lines)]
    width, height = _x(len(layers)) - _GAP_X, _y(tallest, tallest, tallest) - _GAP_Y
    if not placed:
        width, height = -_MARGIN, -_MARGIN
    return Drawing(list(placed.values()), paths, width + _MARGIN, height + _MARGIN, by_family)


# --- nodes and edges --------------------------------------------------------------------------

_Edges = set[tuple[str, str]]


def _single(tasks: list[TaskRow]) -> tuple[dict[str, Node], _Edges]:
    nodes = {task.task_id: _node(task) for task in tasks}
    return nodes, {(needed, needing) for needed, needing in edges(tasks) if needed != needing}


def _node(task: TaskRow) -> Node:
    detail = task.message or parameters_of(task) or task.status.lower()
    if task.status == RUNNING and task.progress:
        detail = f"{task.progress} % · {detail}"
    title = f"{task.task_id}: {task.status.lower()}"
    return Node(
        task.task_id,
        _clipped(task_name(task)),
        _clipped(detail),
        title,
        task.status,
        task.key,
    )


def task_name(task: TaskRow) -> str:
    """Return the class's name, without the chain's namespace."""
    return task.family.rpartition(".")[2] or task.task_id


def parameters_of(task: TaskRow) -> str:
    """Return the first parameters as Luigi's task id has them (luigi/task.py ``task_id_str``)."""
    return re.sub(r"_?[0-9a-f]{10}\Z", "", task.task_id.removeprefix(task.family)).strip("_")


def _families(tasks: list[TaskRow]) -> tuple[dict[str, Node], _Edges]:
    families: dict[str, list[TaskRow]] = defaultdict(list)
    for task in tasks:
        families[task.family].append(task)
    family_of = {task.task_id: task.family for task in tasks}
    pairs = {(family_of[needed], family_of[needing]) for needed, needing in edges(tasks)}
    nodes = {family: _family_node(family, rows) for family, rows in families.items()}
    return nodes, {(needed, needing) for needed, needing in pairs if needed != needing}


def _family_node(family: str, rows: list[TaskRow]) -> Node:
    counts = Counter(task.status for task in rows)
    status = next((s for s in _FAMILY_STATUS if counts[s]), DONE)
    if status == PENDING and counts[DONE]:
        status = RUNNING  # on its way
    words = ", ".join(f"{count} {name.lower()}" for name, count in counts.most_common())
    name = family.rpartition(".")[2] + (f" × {len(rows)}" if len(rows) > 1 else "")
    key = rows[0].key if len(rows) == 1 else None
    return Node(family, _clipped(name), _clipped(words), f"{name}: {words}", status, key)


def _clipped(text: str) -> str:
    return text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…"


# --- coordinates ---------------------------------------------------------------------


def _layers(names: list[str], lines: _Edges) -> list[list[str]]:
    """Return the nodes by the length of the longest path to them.

    Families may require each other in a circle; the nodes of circles share the last layer.
    """
    needed_by: dict[str, list[str]] = defaultdict(list)
    missing = Counter(needing for _, needing in lines)
    for needed, needing in sorted(lines):
        needed_by[needed].append(needing)
    level = {name: 0 for name in names if not missing[name]}
    ready = list(level)
    while ready:
        name = ready.pop()
        for needing in needed_by[name]:
            level[needing] = max(level.get(needing, 0), level[name] + 1)
            missing[needing] -= 1
            if not missing[needing]:
                ready.append(needing)
    last = max(level.values(), default=-1) + 1
    layers: dict[int, list[str]] = defaultdict(list)
    for name in names:
        layers[last if missing[name] else level[name]].append(name)
    return [layers[number] for number in sorted(layers)]


def _ordered(layers: list[list[str]], lines: _Edges) -> list[list[str]]:
    """Return the layers, each node near the middle of its neighbours, so that fewer lines cross."""
    before, after = _neighbours((b, a) for a, b in lines), _neighbours(lines)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        place = _places(layers)
        for layer in layers if forward else reversed(layers):
            layer.sort(key=lambda name: _middle(name, neighbours, place))
            place.update((name, row / len(layer)) for row, name in enumerate(layer))
    return layers


def _neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        found[one].append(other)
    return found


def _places(layers: list[list[str]]) -> dict[str, float]:
    return {name: row / len(layer) for layer in layers for row, name in enumerate(layer)}


def _middle(name: str, neighbours: dict[str, list[str]], place: dict[str, float]) -> float:
    near = neighbours.get(name)
    return sum(place[one] for one in near) / len(near) if near else place[name]


def _x(column: int) -> float:
    return _MARGIN + column * (WIDTH + _GAP_X)


def _y(row: int, count: int, tallest: int) -> float:
    return _MARGIN + (row + (tallest - count) / 2) * (HEIGHT + _GAP_Y)


def _path(needed: Node, needing: Node) -> str:
    x1, y1 = needed.x + WIDTH, needed.y + HEIGHT / 2
    x2, y2 = needing.x, needing.y + HEIGHT / 2
    bend = max(_GAP_X / 2, (x2 - x1) / 2)
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
