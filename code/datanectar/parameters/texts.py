"""A task's parameters as text, with the values beside them that no text gives back."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import luigi

from datanectar.parameters.values import is_readable


class Texts(dict[str, str]):
    """Texts by parameter, as Luigi has them.

    Args:
        texts: the texts.
        task: the task that they are of; None for a copy.
        values: what a copy has beside its texts.

    Luigi hands what a task yields from the task's process to its worker's by pickling the texts.
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
        """Return by parameter the values that can be pickled, and not be read from their texts."""
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
