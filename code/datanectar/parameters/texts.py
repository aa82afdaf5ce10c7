"""A task's parameters as texts, and the values that can't be read from a text."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import luigi

from datanectar.parameters.values import is_readable


class Texts(dict[str, str]):
    """The texts of a task's parameters, by name, as in ``luigi.Task.to_str_params``.

    Luigi pickles them to pass what a task yields from the task's process to its worker's. The
    pickle also has the values that can't be read from their texts.

    Args:
        texts: the texts.
        task: the task that they are of; None for an unpickled copy.
        values: those values, for an unpickled copy.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        task: luigi.Task | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(texts)
        self._task = task
        self._values = dict(values or {})

    def values_beside(self) -> dict[str, Any]:
        """Return, by name, the values that can't be read from their texts and can be pickled."""
        if self._task is None:
            return self._values
        declared = dict(self._task.get_params())
        return {
            name: value
            for name, value in self._task.param_kwargs.items()
            if not (name in self and is_readable(declared[name], value)) and _pickles(value)
        }

    def __reduce__(self) -> tuple[type[Texts], tuple[dict[str, str], None, dict[str, Any]]]:
        return Texts, (dict(self), None, self.values_beside())


def _pickles(value: Any) -> bool:
    try:
        return bool(pickle.dumps(value))
    except Exception:  # whatever an author's class raises
        return False
