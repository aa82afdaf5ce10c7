"""Values that a parameter can't read from their text, carried to another process as JSON.

For the defaults of a plain ``luigi.Parameter`` that are no texts and not the same each time, such as
``default=datetime.date.today()``: a run is to have the one that it was accepted with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

#: By kind: how a value of it is read from JSON.
_READ: dict[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "tuple": lambda parts: tuple(map(_value, parts)),
    "dict": lambda pairs: {_value(name): _value(each) for name, each in pairs},
}


def to_text(value: Any) -> str | None:
    """Return JSON that :func:`from_text` reads; None for a value that is not made of Python's own."""
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
