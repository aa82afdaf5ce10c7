"""How tasks and values are shown in logs, errors and at a prompt: only what may be seen."""

from __future__ import annotations

from typing import Any

import luigi
from luigi.parameter import ParameterVisibility


def is_public(item: luigi.Parameter) -> bool:
    """Return whether a parameter's values may be seen: it is neither hidden nor private."""
    return bool(item.visibility == ParameterVisibility.PUBLIC)


def task_in_words(task: luigi.Task) -> str:
    """Return family and significant parameters, without those that are hidden or private.

    ``repr`` of a ``luigi.Task`` shows these too (luigi/task.py ``Task.__repr__``).
    """
    shown = [
        f"{name}={item.serialize(getattr(task, name))}"
        for name, item in task.get_params()
        if item.significant and is_public(item)
    ]
    return f"{task.get_task_family()}({', '.join(shown)})"


def short_repr(value: Any) -> str:
    """Return the ``repr`` of a value in at most 80 characters, for an error's message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
