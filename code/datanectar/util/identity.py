"""Which chain a task class belongs to, and the key of a task instance; for any ``luigi.Task``."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any

import luigi
from luigi.parameter import ParameterVisibility

from datanectar import cron, keys
from datanectar.errors import DatanectarError, KeyUndefined
from datanectar.keys import NAME, Key
from datanectar.parameters import value_json as carried
from datanectar.parameters import values
from datanectar.parameters.class_options import option


def class_option(cls: type[luigi.Task], name: str, default: Any) -> Any:
    """Return an option of a task class (:mod:`datanectar.parameters.class_options`), or ``default``.

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


#: Before the name of a parameter whose value is carried as JSON: no parameter is called so.
CARRIED = "="


def text_params(task: luigi.Task) -> dict[str, str]:
    """Return the parameters as text, private ones too: enough to :func:`remake` the task.

    Luigi's own ``to_str_params`` leaves private parameters out (task.py ``Task.to_str_params``). A
    value that can't be read from its text is JSON, under its name with :data:`CARRIED` before it.
    """
    readable = readable_texts(task, task.param_kwargs)
    cls = type(task)
    texts = {n: values.kept_text(cls, item, v) for n, item, v in _valued(task) if n in readable}
    others = {
        CARRIED + name: carried.to_text(value)
        for name, value in task.param_kwargs.items()
        if name not in texts
    }
    return texts | {name: text for name, text in others.items() if text is not None}


def readable_texts(task: luigi.Task, names: Collection[str]) -> dict[str, str]:
    """Return the texts of those of the named parameters that can be read from them."""
    spelled = {
        name: values.spelled(item, value) for name, item, value in _valued(task) if name in names
    }
    return {name: text for name, (text, readable) in spelled.items() if readable}


def remake(
    cls: type[luigi.Task], params: Mapping[str, str], given: Collection[str] | None
) -> luigi.Task:
    """Return the task that was resolved to these parameters, maybe by another process.

    Args:
        params: the texts of parameters, as :func:`text_params` gave them.
        given: the names of those that were asked for; None: all. Another keeps the author's default
            as the object it is, unless that has changed: ``default=datetime.now()``.
    """
    kept: dict[str, Any] = {}
    for name, item in cls.get_params():
        if name in params:
            if given is None or name in given or not _is_default(cls, name, item, params[name]):
                kept[name] = item.parse(params[name])
        elif CARRIED + name in params:
            value = carried.from_text(params[CARRIED + name])
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


def public_params(task: luigi.Task) -> dict[str, str]:
    """Return the parameters that may be shown: no hidden, no private ones."""
    return {
        name: values.text_of(item, value)
        for name, item, value in _valued(task)
        if item.visibility == ParameterVisibility.PUBLIC
    }


def digest_source(task: luigi.Task) -> str:
    """Return the text whose md5 ends the task's key (see :func:`datanectar.keys.digest_source`)."""
    cls = type(task)
    return keys.digest_source(
        {
            name: _canonical(name, item, value)
            for name, item, value in _valued(task)
            if item.significant and item.visibility != ParameterVisibility.PRIVATE
        },
        frequency=class_option(cls, "frequency", "day"),
        version=class_option(cls, "version", None),
        run_time=_by_own_calendar(cls, keys.run_time()),
    )


def _by_own_calendar(cls: type[luigi.Task], moment: datetime) -> datetime:
    """Return the moment by the clock of the zone of the class's schedule, if it has one.

    Whoever asks for it, a task that is made every night is made once for each night.
    """
    schedule = class_option(cls, "schedule", None)
    zone = _zone(schedule) if isinstance(schedule, str) else None
    return moment if zone is None or moment.tzinfo is None else moment.astimezone(zone)


@lru_cache(maxsize=100)
def _zone(schedule: str) -> tzinfo | None:
    try:
        return cron.parse(schedule).zone
    except ValueError:  # the listing says so
        return None


def _valued(task: luigi.Task) -> Iterator[tuple[str, luigi.Parameter[Any], Any]]:
    declared = dict(task.get_params())
    return ((name, declared[name], value) for name, value in task.param_kwargs.items())


def _canonical(name: str, item: luigi.Parameter[Any], value: Any) -> keys.Hashed:
    """Return what stands for a value in the key.

    A default that is None keeps Luigi's text there, "None": runs have always had it as None, so the
    results that are there are right. A text of that spelling is another value, and has its kind.
    """
    try:
        hashed = values.canonical(item, value)
        if item._default is not None:  # luigi/parameter.py keeps an author's default there
            return hashed
        none = values.canonical(item, None)
        if isinstance(none, str):
            return hashed
        if hashed == none:
            return none[1]
        return ("str", hashed) if hashed == none[1] else hashed
    except KeyUndefined as problem:
        raise KeyUndefined(f"Parameter {name!r} {problem.message}") from problem


def key_of(task: luigi.Task) -> Key:
    """Return the key of the task.

    Raises:
        KeyUndefined: when it can't be computed in full.
    """
    return Key(*chain_of(type(task)), type(task).__name__, keys.digest(digest_source(task)))
