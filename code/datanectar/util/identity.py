"""Which chain a task class belongs to, and the key of a task instance; for any ``luigi.Task``."""

from __future__ import annotations

import os
import sys
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any

import luigi
from luigi.parameter import ParameterVisibility

from datanectar import cron, keys
from datanectar.errors import KeyUndefined
from datanectar.keys import NAME, Key
from datanectar.parameters import values
from datanectar.parameters.class_options import class_option
from datanectar.util.task_params import valued_params

#: The options of a class that its keys depend on, and the attribute of a task that holds its key.
_OPTIONS_OF_KEYS = ("frequency", "version", "schedule")
_KEPT_KEY = "_datanectar_key"


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
    """Return the class's module; of a file that Python runs as a program, the module that it is."""
    if cls.__module__ != "__main__":
        return cls.__module__
    file = getattr(sys.modules["__main__"], "__file__", None) or ""
    return ".".join(Path(file).absolute().with_suffix("").parts[-3:])


def key_of(task: luigi.Task) -> Key:
    """Return the key of the task.

    A run asks for it some six times a task. So the task keeps it, beside what it was made of.

    Raises:
        KeyUndefined: when the class is in no chain, or a parameter's value has no stable text.
    """
    cls, moment = type(task), os.environ.get(keys.RUN_TIME_VARIABLE)
    basis = (moment, *(getattr(cls, name, None) for name in _OPTIONS_OF_KEYS))
    known = vars(task).get(_KEPT_KEY)
    if moment is not None and known is not None and known[0] == basis:
        return known[1]  # type: ignore[no-any-return]
    key = Key(*chain_of(cls), cls.__name__, keys.digest(digest_source(task)))
    vars(task)[_KEPT_KEY] = (basis, key)
    return key


def digest_source(task: luigi.Task) -> str:
    """Return the text whose md5 ends the task's key (see :func:`datanectar.keys.digest_source`)."""
    cls = type(task)
    return keys.digest_source(
        {
            name: _hashed(name, item, value)
            for name, item, value in valued_params(task)
            if item.significant and item.visibility != ParameterVisibility.PRIVATE
        },
        frequency=class_option(cls, "frequency", "day"),
        version=class_option(cls, "version", None),
        run_time=_in_zone_of_schedule(cls, keys.run_time()),
    )


def _hashed(name: str, item: luigi.Parameter[Any], value: Any) -> keys.Hashed:
    """Return what stands for a value in the key.

    For a parameter whose default is None, a value of None is Luigi's text, "None", as it always was:
    existing results keep their keys. The text "None" is then another value, marked as a ``str``.
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


def _in_zone_of_schedule(cls: type[luigi.Task], moment: datetime) -> datetime:
    """Return the moment in the zone of the class's schedule, if it has one.

    So a task that runs every night has one key for each night of that zone, whoever submits it.
    """
    schedule = class_option(cls, "schedule", None)
    zone = _zone(schedule) if isinstance(schedule, str) else None
    return moment if zone is None or moment.tzinfo is None else moment.astimezone(zone)


@lru_cache(maxsize=100)
def _zone(schedule: str) -> tzinfo | None:
    try:
        return cron.parse(schedule).zone
    except ValueError:  # the listing of chains reports it
        return None
