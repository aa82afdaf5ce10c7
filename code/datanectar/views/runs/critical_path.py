"""The critical path of a run: the tasks that decided when it ended."""

from __future__ import annotations

from datanectar.runs.records import TaskRow


def critical_path(tasks: list[TaskRow], root: str) -> frozenset[str]:
    """Return the ids of the tasks on the path: from the root, each time the required task that ended last.

    A task that was done before the run took no time in it, and is not on the path.
    """
    by_id = {task.task_id: task for task in tasks}
    path: list[str] = []
    at = by_id.get(root)
    while at is not None and at.started is not None and at.task_id not in path:
        path.append(at.task_id)
        required = [by_id[name] for name in at.requires if name in by_id]
        ended = [
            task for task in required if task.started is not None and task.finished is not None
        ]
        at = max(ended, key=lambda task: task.finished or 0.0, default=None)
    return frozenset(path) if len(path) > 1 else frozenset()
