"""A run's tasks as a graph."""

from __future__ import annotations

from collections.abc import Iterable

from datanectar.runs.records import TaskRow


def edges(tasks: Iterable[TaskRow]) -> list[tuple[str, str]]:
    """Return a pair of task ids for each requirement among ``tasks``: the required, the requiring one.

    Requirements that are not among ``tasks`` have no edge: a large graph is shown in part.
    """
    tasks = list(tasks)
    known = {task.task_id for task in tasks}
    return [(needed, task.task_id) for task in tasks for needed in task.requires if needed in known]
