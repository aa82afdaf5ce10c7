"""A task's parameters as text: to show them, and to make the same task in another process."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import luigi
from luigi.parameter import ParameterVisibility

from datanectar.errors import DatanectarError
from datanectar.parameters import value_json, values

#: The prefix of the name of a parameter whose value is JSON; no parameter's own name begins so.
JSON_PREFIX = "="


def valued_params(task: luigi.Task) -> Iterator[tuple[str, luigi.Parameter[Any], Any]]:
    """Yield name, declaration and value of each parameter of a task."""
    declared = dict(task.get_params())
    return ((name, declared[name], value) for name, value in task.param_kwargs.items())


def public_params(task: luigi.Task) -> dict[str, str]:
    """Return the texts of the parameters that may be shown: not of hidden or private ones."""
    return {
        name: values.text_of(item, value)
        for name, item, value in valued_params(task)
        if item.visibility == ParameterVisibility.PUBLIC
    }


def text_params(task: luigi.Task) -> dict[str, str]:
    """Return all parameters as text, private ones too: enough to :func:`remake` the task.

    Luigi's own ``to_str_params`` leaves private parameters out (luigi/task.py
    ``Task.to_str_params``). A value that can't be read from its text is JSON, under its name after
    :data:`JSON_PREFIX`; one that is neither is left out.
    """
    readable = readable_texts(task, task.param_kwargs)
    cls = type(task)
    texts = {
        name: values.kept_text(cls, item, value)
        for name, item, value in valued_params(task)
        if name in readable
    }
    others = {
        JSON_PREFIX + name: value_json.to_text(value)
        for name, value in task.param_kwargs.items()
        if name not in texts
    }
    return texts | {name: text for name, text in others.items() if text is not None}


def readable_texts(task: luigi.Task, names: Collection[str]) -> dict[str, str]:
    """Return the texts of those of the named parameters whose values can be read from their texts."""
    spelled = {
        name: values.spelled(item, value)
        for name, item, value in valued_params(task)
        if name in names
    }
    return {name: text for name, (text, readable) in spelled.items() if readable}


def remake(
    cls: type[luigi.Task], params: Mapping[str, str], requested: Collection[str] | None
) -> luigi.Task:
    """Return the task that was resolved to these parameters, maybe by another process.

    Args:
        cls: the task's class.
        params: the texts of parameters, as :func:`text_params` returned them.
        requested: the names of the parameters in the request; None: all. Any other keeps the
            author's default as the object that it is, unless that has changed in the meantime, as
            ``default=datetime.now()`` does.
    """
    kept: dict[str, Any] = {}
    for name, item in cls.get_params():
        if name in params:
            is_requested = requested is None or name in requested
            if is_requested or not _is_default(cls, name, item, params[name]):
                kept[name] = item.parse(params[name])
        elif JSON_PREFIX + name in params:
            value = value_json.from_text(params[JSON_PREFIX + name])
            if not _equals_default(cls, name, item, value):
                kept[name] = value
    return cls(**kept)


def _is_default(cls: type[luigi.Task], name: str, item: luigi.Parameter[Any], text: str) -> bool:
    try:
        return values.kept_text(cls, item, values.default_of(cls, name, item)) == text
    except DatanectarError:
        return False


def _equals_default(
    cls: type[luigi.Task], name: str, item: luigi.Parameter[Any], value: Any
) -> bool:
    try:
        default = values.default_of(cls, name, item)
        return values.canonical(item, default) == values.canonical(item, value)
    except DatanectarError:
        return False
