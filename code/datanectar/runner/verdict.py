"""Whether a task that ran is done, and why a run failed."""

from __future__ import annotations

from typing import Any

import luigi
from luigi.task import flatten

from datanectar import reasons
from datanectar.errors import ChainError, DatanectarError
from datanectar.messages import Outcome
from datanectar.rpc.run_tasks import RunTasks
from datanectar.statuses import DONE, FAILED
from datanectar.util.identity import key_of

#: How many names an error lists at most.
_MOST_NAMES = 5


def is_done(task: luigi.Task) -> bool:
    """Tell that a task which ran without an error is done.

    A task is done when all outputs that it declares exist, or its own ``complete()`` says so. One
    that declares no output is done too: Luigi believes it (``[worker] check_complete_on_run``).

    Raises:
        ChainError: when a declared output is missing.
    """
    missing = _missing_outputs(task)
    if not missing or (type(task).complete is not luigi.Task.complete and task.complete()):
        return True
    raise ChainError(
        f"{type(task).__name__} ran, and its output is not there: "
        f"{reasons.listed(missing, _MOST_NAMES)}. "
        "Write it in run(), or have output() return what run() writes."
    )


def root_is_done(root: luigi.Task, tasks: RunTasks) -> bool:
    """Tell whether the root's result exists, or the root ran in this run and declares none."""
    status = tasks.statuses.get(root.task_id)
    if status == FAILED:
        return False
    return root.complete() or (status == DONE and not _missing_outputs(root))


def first_failure(tasks: RunTasks, root_key: str) -> Outcome | None:
    """Return the outcome of a run that failed, by its first failed task; None when none failed.

    Args:
        tasks: the run's tasks.
        root_key: the key to name where the failed task has none.
    """
    for task_id, text in tasks.errors.items():
        if tasks.statuses.get(task_id) != DONE:
            key = _key_or(tasks.by_id.get(task_id), root_key)
            return failure(key, reasons.reason_in(text), reasons.traceback_in(text))
    missing = [tasks.by_id[task_id] for task_id in sorted(tasks.missing)]
    missing = [task for task in missing if not task.complete()]
    if missing:
        return failure(_key_or(missing[0], root_key), _missing_data(missing), None)
    return None


def failure(key: str, error: str, traceback: str | None) -> Outcome:
    """Return the outcome of a run that failed with this error of the task with this key."""
    traceback = traceback and traceback[-reasons.LONGEST_TRACEBACK :]
    return Outcome(FAILED, error=error[:2000], traceback=traceback, failed_key=key)


def _key_or(task: luigi.Task | None, default: str) -> str:
    try:
        return str(key_of(task)) if task is not None else default
    except DatanectarError:
        return default


def _missing_data(tasks: list[luigi.Task]) -> str:
    """Return the error for external data that does not exist."""
    names = [
        f"{path} ({task})" for task in tasks for path in _missing_outputs(task) or ["no output"]
    ]
    return f"External data is missing: {reasons.listed(names, _MOST_NAMES)}."


def _missing_outputs(task: luigi.Task) -> list[str]:
    return [_place(target) for target in flatten(task.output()) if not target.exists()]


def _place(target: Any) -> str:
    """Return where a target is: its path, else its text."""
    path = getattr(target, "path", None)
    if path:
        return str(path)
    text = str(target)
    return type(target).__name__ if " object at 0x" in text else text
