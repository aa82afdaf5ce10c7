"""Which chain a task class belongs to, and the key of a task instance; for any ``luigi.Task``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import luigi
from luigi.parameter import OptionalParameterMixin

from datanectar import keys
from datanectar.errors import KeyUndefined
from datanectar.keys import NAME, Key
from datanectar.util.options import option


def class_option(cls: type[luigi.Task], name: str, default: Any) -> Any:
    """Return an option of a task class (:mod:`datanectar.util.options`), or ``default``.

    Raises:
        ChainError: when the class sets it to what can't be used.
    """
    return option(cls, name, default)


def chain_of(cls: type[luigi.Task]) -> tuple[str, str]:
    """Return type and chain module of a task class.

    Raises:
        KeyUndefined: when the class is not defined in ``chains/<type>/<name>_chain.py``.
    """
    parts = _module_name(cls).split(".")
    if len(parts) == 3 and parts[0] == "chains" and all(NAME.match(part) for part in parts):
        return parts[1], parts[2]
    raise KeyUndefined(
        f"{cls.__module__}.{cls.__qualname__} has no key: a task's class must be defined in "
        "chains/<type>/<name>_chain.py."
    )


def _module_name(cls: type[luigi.Task]) -> str:
    if cls.__module__ != "__main__":
        return cls.__module__
    file = getattr(sys.modules["__main__"], "__file__", None) or ""
    return ".".join(Path(file).absolute().with_suffix("").parts[-3:])


def text_params(task: luigi.Task) -> dict[str, str]:
    """Return the task's parameters as text, private ones too: enough to make it again.

    Luigi's own ``to_str_params`` leaves private parameters out (task.py ``Task.to_str_params``). A
    None where the type has no text for it (``IntParameter(default=None)``) stays the default's.
    """
    by_name = dict(task.get_params())
    return {
        name: str(by_name[name].serialize(value))
        for name, value in task.param_kwargs.items()
        if value is not None or isinstance(by_name[name], OptionalParameterMixin)
    }


def public_params(task: luigi.Task) -> dict[str, str]:
    """Return the parameters that may be shown: no hidden, no private ones."""
    return {name: str(text) for name, text in task.to_str_params(only_public=True).items()}


def digest_source(task: luigi.Task) -> str:
    """Return the text whose md5 ends the task's key (see :func:`datanectar.keys.digest_source`)."""
    cls = type(task)
    declared = dict(task.get_params())
    texts = task.to_str_params(only_significant=True)
    return keys.digest_source(
        {name: in_one_order(declared[name], text) for name, text in texts.items()},
        frequency=class_option(cls, "frequency", "day"),
        version=class_option(cls, "version", None),
        run_time=keys.run_time(),
    )


def in_one_order(item: luigi.Parameter, text: str) -> str:
    """Return the text of a parameter's value with the names in its objects sorted.

    Luigi takes ``{"a": 1, "b": 2}`` and ``{"b": 2, "a": 1}`` for equal, and spells each as it came.
    """
    if not isinstance(item, (luigi.DictParameter, luigi.ListParameter)) or "{" not in text:
        return text
    return json.dumps(json.loads(text), sort_keys=True)


def key_of(task: luigi.Task) -> Key:
    """Return the key of the task.

    Raises:
        KeyUndefined: when it can't be computed in full.
    """
    return Key(*chain_of(type(task)), type(task).__name__, keys.digest(digest_source(task)))
