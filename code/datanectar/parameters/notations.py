"""Notations of times that people and programs use.

Times are put in the notation that Luigi reads whole. Luigi's ``TimeDeltaParameter`` drops what it can't read of a text, and its ``Date...Parameter`` types
know one notation each (luigi/parameter.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

_UNITS = (
    r"(?:(?P<w>\d+) ?w(?:eeks?)? ?)?"
    r"(?:(?P<d>\d+) ?d(?:ays?)? ?)?"
    r"(?:(?P<h>\d+) ?h(?:(?:ou)?rs?)? ?)?"
    r"(?:(?P<m>\d+) ?m(?:in(?:ute)?s?)? ?)?"
    r"(?:(?P<s>\d+) ?s(?:ec(?:ond)?s?)?)?"
)
_ISO_DURATION = (
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?"
)
_DURATIONS = [re.compile(pattern, re.ASCII) for pattern in (_UNITS, _ISO_DURATION)]
_ISO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.0+)?)?)?(?:[Zz]|[+-]00:?00)?", re.ASCII
)


def duration(text: str) -> str:
    """Return a length of time as ``TimeDeltaParameter`` reads it.

    Args:
        text: seconds, units such as ``1 h 30 min``, or an ISO 8601 duration; an empty one is
            returned as it is, for an optional parameter.

    Raises:
        ValueError: when the text can't be read as a whole.
    """
    if not text or _is_seconds(text):
        return text
    found = next(filter(None, (pattern.fullmatch(text) for pattern in _DURATIONS)), None)
    if found is None or not any(found.groups()):
        raise ValueError(f"{text} is no length of time")
    return " ".join(f"{count} {unit}" for unit, count in found.groupdict("0").items())


def _is_seconds(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def time_to(unit: str) -> Callable[[str], str]:
    """Return a function from an ISO 8601 time to the notation of a type that is as fine as ``unit``.

    Args:
        unit: ``hour``, ``minute`` or ``second``.

    The function leaves any other text to Luigi. It raises ``ValueError`` for a time that does not
    exist, or is finer than the unit.
    """
    count = ("hour", "minute", "second").index(unit) + 1

    def convert(text: str) -> str:
        found = _ISO_TIME.fullmatch(text)
        if found is None:
            return text
        day, *clock = found.groups(default="00")
        datetime.strptime(f"{day} {' '.join(clock)}", "%Y-%m-%d %H %M %S")
        if set(clock[count:]) - {"00"}:
            raise ValueError(f"{text} is finer than a {unit}")
        return f"{day}T{''.join(clock[:count])}"

    return convert
