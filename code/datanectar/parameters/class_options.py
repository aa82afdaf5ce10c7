"""The class attributes that a Nectar task may set as options, and the values that each can have.

Options count on Nectar classes. On any other ``luigi.Task`` an attribute called ``width`` or
``version`` is the author's own; so is one that is a parameter, a property or a method. A
``luigi.WrapperTask``, which only groups other tasks, may set the options of a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import luigi

from datanectar import cron
from datanectar.errors import ChainError, KeyUndefined
from datanectar.keys import FOLDER_LIST, is_file_name, is_reserved_name
from datanectar.parameters.visibility import short_repr
from datanectar.settings.ages import age_in_seconds
from datanectar.settings.declarations import ENGINES
from datanectar.settings.sizes import size_in_bytes
from datanectar.storage.registry import STORES

#: The highest ``width``: workers that share one run; and ``workers``: Luigi's processes in each.
MOST_WIDTH, MOST_WORKERS = 100, 64
#: The highest ``retries``.
MOST_RETRIES = 100
#: The highest ``nice`` and ``oom_score_adj`` (nice(2), proc(5)).
MOST_NICE, MOST_OOM_SCORE = 19, 1000
#: The least ``open_files`` and ``processes``: what Python itself needs to run a task and to tell of it.
LEAST_FILES, LEAST_PROCESSES = 64, 4
#: The highest of both.
_MOST = 1_000_000

_OF_THE_KEY = ("frequency", "version")
_OF_A_RUN = ("schedule", "catch_up", "workers", "width", "run_timeout")


class Nectar:
    """Marks the classes whose attributes are options: ``NectarTask`` and what inherits from it."""


def class_option(cls: type, name: str, default: Any) -> Any:
    """Return the option ``name`` of a class, or ``default`` when the class does not set it.

    Raises:
        ChainError: naming class and option, when the value can't be used.
        KeyUndefined: the same, for an option that the key contains.
    """
    value = getattr(cls, name, default)
    if _is_no_option(value):
        return default
    problem = OPTIONS[name](value)
    if not issubclass(cls, Nectar):
        counts = issubclass(cls, luigi.WrapperTask) and name in _OF_A_RUN and not problem
        return value if counts else default
    if problem:
        error = KeyUndefined if name in _OF_THE_KEY else ChainError
        raise error(f"{cls.__name__}.{name} is {short_repr(value)}; {problem}.")
    return value


def check_options(cls: type) -> None:
    """Check every option of a class.

    Raises:
        ChainError: naming each whose value can't be used.
        KeyUndefined: the same, when the key contains the first of them.
    """
    problems = []
    for name in OPTIONS:
        try:
            class_option(cls, name, None)
        except (ChainError, KeyUndefined) as problem:
            problems.append(problem)
    if problems:
        raise type(problems[0])(" ".join(problem.message for problem in problems))


def _is_no_option(value: Any) -> bool:
    return isinstance(value, (luigi.Parameter, property, cached_property)) or callable(value)


def _one_of(*choices: str | None) -> Callable[[Any], str | None]:
    words = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"

    def problem(value: Any) -> str | None:
        fits = value is None or isinstance(value, str)
        return None if fits and value in choices else f"it can be {words}"

    return problem


def _whole_number(most: int, least: int = 1) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        fits = type(value) is int and least <= value <= most
        return None if fits else f"it can be a whole number from {least} to {most}"

    return problem


def _or_none(rule: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else rule(value)


def _version(value: Any) -> str | None:
    if value is None or isinstance(value, str) or _is_number(value):
        return None
    return "it can be a text or a number"


def _output_name(value: Any) -> str | None:
    name = value.removesuffix("/") if isinstance(value, str) else ""
    if not is_file_name(name) or (name != value and not is_file_name(f"{name}{FOLDER_LIST}")):
        return (
            "it can be a file name that a key can hold, such as 'out.csv', or a folder's with a "
            "slash behind it, such as 'pages/'"
        )
    if is_reserved_name(name):
        return "datanectar writes a file of that name itself: choose another, such as 'out.txt'"
    return None


def _true_or_false(value: Any) -> str | None:
    return None if isinstance(value, bool) else "it can be True or False"


def _schedule(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "it can be a cron line, such as '0 6 * * *'"
    try:
        cron.parse(value)
    except Exception as problem:
        return f"it can't be read: {problem}"
    return None


def _age(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "it can be an age in quotes, such as '90 days', or 'forever'"
    try:
        age_in_seconds(value)
    except ValueError as problem:
        return str(problem)
    return None


def _seconds(value: Any) -> str | None:
    fits = value is None or (_is_number(value, infinite=True) and value >= 0)
    return None if fits else "it can be a number of seconds"


def _seconds_above_none(value: Any) -> str | None:
    fits = value is None or (_is_number(value) and value > 0)
    return None if fits else "it can be a number of seconds above 0"


def _size(value: Any) -> str | None:
    try:
        size_in_bytes(value)
    except ValueError as problem:
        return str(problem)
    return None


def _amounts(value: Any) -> str | None:
    fits = isinstance(value, Mapping) and all(
        isinstance(name, str) and name.isidentifier() and _is_needed(name, amount)
        for name, amount in value.items()
    )
    return (
        None
        if fits
        else "it can be amounts by name, such as {'cpus': 4, 'gpu': 1, 'memory': '16 GB'}"
    )


def _is_needed(name: str, amount: Any) -> bool:
    if name == "memory":
        return amount is not None and _size(amount) is None
    return _is_number(amount) and amount >= 0


def _is_number(value: Any, *, infinite: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return not math.isnan(value) and (infinite or not math.isinf(value))


#: By option: a function that returns what is wrong with a value, or None.
OPTIONS: dict[str, Callable[[Any], str | None]] = {
    "frequency": _one_of("day", "hour", "once"),
    "version": _version,
    "output_name": _output_name,
    "output_binary": _true_or_false,
    "schedule": _schedule,
    "catch_up": _one_of("none", "latest", "all"),
    "workers": _whole_number(MOST_WORKERS),
    "own_process": _true_or_false,
    "width": _whole_number(MOST_WIDTH),
    "run_timeout": _seconds,
    "keep": _age,
    "storage_name": _one_of(None, *STORES),
    "memory": _size,
    "cpu_time": _seconds_above_none,
    "processes": _or_none(_whole_number(_MOST, LEAST_PROCESSES)),
    "open_files": _or_none(_whole_number(_MOST, LEAST_FILES)),
    "nice": _or_none(_whole_number(MOST_NICE, least=0)),
    "oom_score_adj": _or_none(_whole_number(MOST_OOM_SCORE, least=0)),
    "timeout": _seconds_above_none,
    "retries": _whole_number(MOST_RETRIES, least=0),
    "needs": _amounts,
    "engine": _one_of(None, *ENGINES),
}
