"""Whether a task that ran is done, in Luigi's sense: it raised nothing, and kept what it declares."""

from __future__ import annotations

from typing import Any

import luigi
from luigi.task import flatten

from datanectar.errors import ChainError
from datanectar.reasons import listed

#: How many names an error lists.
_MOST_NAMES = 5


def is_done(task: luigi.Task) -> bool:
    """Tell that a task which ran without an error is done.

    One that declares no output, or whose ``complete()`` says False whenever it is asked, has nothing
    to show for it, and Luigi takes its word (``[worker] check_complete_on_run``).

    Raises:
        ChainError: when an output that it declares is not there.
    """
    missing = _missing_outputs(task)
    if not missing or (type(task).complete is not luigi.Task.complete and task.complete()):
        return True
    raise ChainError(
        f"{type(task).__name__} ran, and its output is not there: {listed(missing, _MOST_NAMES)}. "
        "Write it in run(), or have output() return what run() writes."
    )


def keeps_nothing(task: luigi.Task) -> bool:
    """Tell whether all that the task declares is there, or nothing is declared."""
    return not _missing_outputs(task)


def missing_data(tasks: list[luigi.Task]) -> str:
    """Return words for external data that is not there."""
    names = [
        f"{path} ({task})" for task in tasks for path in _missing_outputs(task) or ["no output"]
    ]
    return f"External data is missing: {listed(names, _MOST_NAMES)}."


def _missing_outputs(task: luigi.Task) -> list[str]:
    return [_place(target) for target in flatten(task.output()) if not target.exists()]


def _place(target: Any) -> str:
    """Return where a target is: its path, or what it says of itself."""
    path = getattr(target, "path", None)
    if path:
        return str(path)
    words = str(target)
    return type(target).__name__ if " object at 0x" in words else words
