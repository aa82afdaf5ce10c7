"""JSON for values that a parameter can't read from their text.

A plain ``luigi.Parameter`` may have a default that is no text and differs each time, such as
``default=datetime.date.today()``. A run gets the value that it was accepted with, in another process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

#: By kind: the function that reads a value of it from JSON.
_READ: dict[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "tuple": lambda parts: tuple(map(_value, parts)),
    "dict": lambda pairs: {_value(name): _value(each) for name, each in pairs},
}


def to_text(value: Any) -> str | None:
    """Return JSON that :func:`from_text` reads; None for a value of any other type."""
    try:
        return json.dumps(_json(value))
    except TypeError:
        return None


def from_text(text: str) -> Any:
    """Return the value that :func:`to_text` wrote."""
    return _value(json.loads(text))


def _json(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (date, datetime):
        return {type(value).__name__: value.isoformat()}
    if type(value) is timedelta:
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if type(value) is tuple:
        return {"tuple": [_json(each) for each in value]}
    if isinstance(value, Mapping):
        return {"dict": [[_json(name), _json(each)] for name, each in value.items()]}
    raise TypeError(value)


def _value(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    ((kind, inner),) = content.items()
    return _READ[kind](inner)
