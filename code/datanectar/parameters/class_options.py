"""The options that a Nectar task's class may set: what each can be, and where it is looked for.

They are read on Nectar classes. On any other ``luigi.Task`` a ``width`` or a ``version`` is the
author's own, and so it is where it is a parameter, a property or a method. A ``luigi.WrapperTask``,
which does nothing but stand for a run of others, may set how that run goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import luigi

from datanectar import cron
from datanectar.errors import ChainError, KeyUndefined
from datanectar.keys import is_file_name, is_reserved_name
from datanectar.parameters.visibility import short_repr
from datanectar.storage.registry import STORES

#: The most workers that may share one run, and the most processes within one.
MOST_WIDTH, MOST_WORKERS = 100, 64

_OF_THE_KEY = ("frequency", "version")
_OF_A_RUN = ("schedule", "workers", "width", "run_timeout")


class Nectar:
    """Marks the classes whose attributes are options: ``NectarTask`` and what inherits from it."""


def option(cls: type, name: str, default: Any) -> Any:
    """Return the option ``name`` of a class, or ``default`` where it has none of that name.

    Raises:
        ChainError: naming class and option when the value can't be used.
        KeyUndefined: the same, of an option that is part of the key.
    """
    value = getattr(cls, name, default)
    if _is_authors(value):
        return default
    problem = OPTIONS[name](value)
    if not issubclass(cls, Nectar):
        is_ours = issubclass(cls, luigi.WrapperTask) and name in _OF_A_RUN and not problem
        return value if is_ours else default
    if problem:
        error = KeyUndefined if name in _OF_THE_KEY else ChainError
        raise error(f"{cls.__name__}.{name} is {short_repr(value)}; {problem}.")
    return value


def check_options(cls: type) -> None:
    """Look at every option of a class.

    Raises:
        ChainError: naming each that can't be used.
        KeyUndefined: the same, when the first of them is part of the key.
    """
    problems = []
    for name in OPTIONS:
        try:
            option(cls, name, None)
        except (ChainError, KeyUndefined) as problem:
            problems.append(problem)
    if problems:
        raise type(problems[0])(" ".join(problem.message for problem in problems))


def _is_authors(value: Any) -> bool:
    return isinstance(value, (luigi.Parameter, property, cached_property)) or callable(value)


def _one_of(*choices: str | None) -> Callable[[Any], str | None]:
    words = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"

    def problem(value: Any) -> str | None:
        fits = value is None or isinstance(value, str)
        return None if fits and value in choices else f"it can be {words}"

    return problem


def _whole_number(most: int) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        fits = type(value) is int and 1 <= value <= most
        return None if fits else f"it can be a whole number from 1 to {most}"

    return problem


def _version(value: Any) -> str | None:
    if value is None or isinstance(value, str) or _is_number(value):
        return None
    return "it can be a text or a number"


def _output_name(value: Any) -> str | None:
    if not isinstance(value, str) or not is_file_name(value):
        return "it can be a file name that a key can hold, such as 'out.csv'"
    if is_reserved_name(value):
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


def _seconds(value: Any) -> str | None:
    fits = value is None or (_is_number(value, infinite=True) and value >= 0)
    return None if fits else "it can be a number of seconds"


def _is_number(value: Any, *, infinite: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return not math.isnan(value) and (infinite or not math.isinf(value))


#: What is wrong with a value of each option, in words that go on a sentence; None when it is right.
OPTIONS: dict[str, Callable[[Any], str | None]] = {
    "frequency": _one_of("day", "hour", "once"),
    "version": _version,
    "output_name": _output_name,
    "output_binary": _true_or_false,
    "schedule": _schedule,
    "workers": _whole_number(MOST_WORKERS),
    "width": _whole_number(MOST_WIDTH),
    "run_timeout": _seconds,
    "storage_name": _one_of(None, *STORES),
}
