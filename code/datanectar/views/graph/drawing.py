"""What is drawn of a run's graph: a box for each task, or one for all tasks of a family.

The template only draws. A graph of more than :data:`LARGEST` tasks is drawn by family; a family's
box can be opened, which draws its tasks one by one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from hashlib import md5

from datanectar.http.task_graph import edges
from datanectar.runs.records import TaskRow
from datanectar.statuses import CANCELLED, DISABLED, DONE, FAILED, PENDING, RUNNING
from datanectar.views.graph.layout import HEIGHT as HEIGHT
from datanectar.views.graph.layout import WIDTH as WIDTH
from datanectar.views.graph.layout import Edges, lay_out

#: The most tasks that are drawn one by one: at all, and without being asked.
LARGEST = 300
COMFORTABLE = 40

_LABEL_LENGTH = 26
#: A family's status is the first of these that any of its tasks has.
_FAMILY_STATUS = (FAILED, DISABLED, RUNNING, PENDING, CANCELLED)


@dataclass(frozen=True)
class Node:
    """A box: one task, or ``count`` tasks of a family; ``key`` is None when there is no log to show.

    ``x`` and ``y`` are its left top corner in pixels.
    """

    id: str
    label: str
    detail: str
    title: str
    status: str
    key: str | None = None
    count: int = 1
    is_critical: bool = False
    x: float = 0
    y: float = 0

    @property
    def element(self) -> str:
        """The id of its element in the page."""
        return element_id("n", self.id)


@dataclass(frozen=True)
class Drawing:
    """The boxes, and the SVG paths of the lines between them."""

    nodes: list[Node]
    lines: list[str]
    width: float
    height: float
    by_family: bool


def draw(
    tasks: list[TaskRow],
    *,
    by_family: bool = False,
    opened: frozenset[str] = frozenset(),
    critical: frozenset[str] = frozenset(),
) -> Drawing:
    """Return the graph of a run's tasks.

    Args:
        by_family: draw one box for each family, also when the graph is small.
        opened: the families whose tasks are drawn one by one all the same.
        critical: ids of tasks to be marked.
    """
    by_family = by_family or len(tasks) > LARGEST
    groups = _groups(tasks, opened) if by_family else {task.task_id: [task] for task in tasks}
    nodes = {name: _node(name, rows, critical) for name, rows in groups.items()}
    layout = lay_out(sorted(nodes, key=lambda name: natural(nodes[name].title)), _lines(groups))
    placed = [replace(nodes[name], x=x, y=y) for name, (x, y) in layout.places.items()]
    return Drawing(placed, list(layout.lines.values()), layout.width, layout.height, by_family)


def _groups(tasks: list[TaskRow], opened: frozenset[str]) -> dict[str, list[TaskRow]]:
    """Return the tasks of each box: of a family, or of an opened family one."""
    families: dict[str, list[TaskRow]] = defaultdict(list)
    for task in tasks:
        families[task.family].append(task)
    groups: dict[str, list[TaskRow]] = {}
    room = LARGEST
    for family, rows in families.items():
        if family in opened and len(rows) <= room:
            room -= len(rows)
            groups |= {task.task_id: [task] for task in rows}
        else:
            groups[family] = rows
    return groups


def _lines(groups: dict[str, list[TaskRow]]) -> Edges:
    box_of = {task.task_id: name for name, rows in groups.items() for task in rows}
    tasks = [task for rows in groups.values() for task in rows]
    pairs = ((box_of[needed], box_of[needing]) for needed, needing in edges(tasks))
    return {(needed, needing) for needed, needing in pairs if needed != needing}


def _node(name: str, rows: list[TaskRow], critical: frozenset[str]) -> Node:
    is_critical = any(task.task_id in critical for task in rows)
    return (
        _family_node(name, rows, is_critical) if len(rows) > 1 else _task_node(rows[0], is_critical)
    )


def _task_node(task: TaskRow, is_critical: bool) -> Node:
    detail = task.message or parameters_of(task) or task.status.lower()
    if task.status == RUNNING and task.progress:
        detail = f"{task.progress} % · {detail}"
    title = f"{task_name(task)} {parameters_of(task)}: {task.status.lower()}"
    label = _clipped(task_name(task))
    shown = (task.task_id, label, _clipped(detail, 4), title, task.status)
    return Node(*shown, key=task.key, is_critical=is_critical)


def _family_node(family: str, rows: list[TaskRow], is_critical: bool) -> Node:
    counts = Counter(task.status for task in rows)
    status = next((s for s in _FAMILY_STATUS if counts[s]), DONE)
    if status == PENDING and counts[DONE]:
        status = RUNNING  # on its way
    words = ", ".join(f"{count} {name.lower()}" for name, count in counts.most_common())
    name = f"{family.rpartition('.')[2]} × {len(rows)}"
    title = f"{name}: {words}"
    shown = (family, _clipped(name), _clipped(words, 4), title, status)
    return Node(*shown, count=len(rows), is_critical=is_critical)


def task_name(task: TaskRow) -> str:
    """Return the class's name, without the chain's namespace."""
    return task.family.rpartition(".")[2] or task.task_id


def parameters_of(task: TaskRow) -> str:
    """Return the parameters as ``name=value``.

    Those of a run of an earlier version are not known by name: they are returned as Luigi's task id
    has them (luigi/task.py ``task_id_str``).
    """
    if task.params:
        return " ".join(f"{name}={text}" for name, text in task.params.items())
    return re.sub(r"_?[0-9a-f]{10}\Z", "", task.task_id.removeprefix(task.family)).strip("_")


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in a text by their value: ``n=9`` is before ``n=10``."""
    pieces = re.split(r"(\d+)", text)
    return [(1, int(one), "") if one.isdecimal() else (0, 0, one) for one in pieces]


def element_id(kind: str, id: str) -> str:
    """Return the id of a page's element for a task or a family."""
    return f"{kind}-{md5(id.encode(errors='replace'), usedforsecurity=False).hexdigest()[:12]}"


def _clipped(text: str, more: int = 0) -> str:
    longest = _LABEL_LENGTH + more
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
