"""One text for each value of a parameter, the same for equal values.

:func:`text_of` returns a text that a person may type: Luigi's own, in one spelling.
:func:`canonical` returns what a key is made of: the same text if the parameter reads it as the
value, otherwise a pair that no typed text can equal.
"""

from __future__ import annotations

import json
import numbers
import re
import traceback
from collections.abc import Callable, Mapping, Set
from datetime import date, timedelta
from typing import Any

import luigi
from luigi import date_interval
from luigi.parameter import StrParameter

from datanectar.errors import ChainError, KeyUndefined
from datanectar.keys import Hashed, no_stable_text, not_text, shows_address
from datanectar.parameters.class_options import Nectar

#: Returned for a text that a parameter can't read.
_NOTHING = object()
#: A short cut for common values, by Luigi's class and the value's: a chain may have many tasks, and
#: the key of each is computed several times.
_PLAIN: dict[tuple[type[Any], type[Any]], Callable[[Any], str]] = {
    (luigi.Parameter, str): str,
    (StrParameter, str): str,
    (luigi.IntParameter, int): str,
    (luigi.FloatParameter, float): lambda value: str(_positive(value)),
    (luigi.BoolParameter, bool): str,
    (luigi.DateParameter, date): date.isoformat,
    **{
        (luigi.DateIntervalParameter, cls): str
        for cls in (date_interval.Year, date_interval.Month, date_interval.Week, date_interval.Date)
    },
}
_JSON_KINDS = (luigi.DictParameter, luigi.ListParameter)
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def text_of(item: luigi.Parameter[Any], value: Any) -> str:
    """Return the text of a parameter's value, in one spelling for equal values.

    Raises:
        KeyUndefined: when the parameter's type has no text for it.
    """
    return spelled(item, value)[0]


def kept_text(cls: type[luigi.Task], item: luigi.Parameter[Any], value: Any) -> str:
    """Return the text from which a run makes the task again.

    A plain task gets the names of an object in the order of the request, because Luigi's task id,
    and any file that is named after the id, depends on it. A Nectar task gets them sorted: its
    result is named after its key, which is the same for every order.

    Raises:
        KeyUndefined: when the parameter's type has no text for it.
    """
    text = text_of(item, value)
    if isinstance(item, _JSON_KINDS) and not issubclass(cls, Nectar):
        return str(item.serialize(value))
    return text


def is_readable(item: luigi.Parameter[Any], value: Any) -> bool:
    """Return whether the parameter reads the value's text as the value.

    The default of ``luigi.Parameter(default=False)`` is not readable: "False" is a text.
    """
    return spelled(item, value)[1]


def canonical(item: luigi.Parameter[Any], value: Any) -> Hashed:
    """Return what represents the value in a key: a text, or a pair of kind and text.

    A pair is for a value that the parameter can't read from a text, such as the False of a
    ``luigi.Parameter``, so that it never shares a key with the text "False".

    Raises:
        KeyUndefined: when the value has no text.
    """
    text, readable = spelled(item, value)
    if readable:
        return _with_one_number(item, text)
    if value is None and _read(item, text) is _NOTHING:
        return text  # IntParameter(default=None): nothing that is read could be "None"
    return _pair(value, text)


def default_of(cls: type[luigi.Task], name: str, item: luigi.Parameter[Any]) -> Any:
    """Return the default that the parameter has now, in the class or in Luigi's configuration.

    Raises:
        ChainError: naming the parameter, when its default can't be made.
        KeyUndefined: naming the parameter, when no other process would have the same default.
    """
    try:
        value = item.task_value(cls.get_task_family(), name)
        _check_fit(item, value)
    except KeyUndefined as problem:
        raise KeyUndefined(f"Parameter {name!r} {problem.message}") from problem
    except Exception as problem:  # an author's default, or Luigi's configuration
        reason = traceback.format_exception_only(problem)[-1].strip()
        raise ChainError(f"parameter {name}: its default can't be used: {reason}") from problem
    return value


def _check_fit(item: luigi.Parameter[Any], value: Any) -> None:
    if isinstance(value, set):  # Luigi makes a tuple of it, in no fixed order
        raise KeyUndefined("has a set for its default, which has no order: use a list.")
    text = text_of(item, value)
    if "\x00" in text or _HALF_A_PAIR.search(text):
        raise KeyUndefined(f"has a default with a character that no text can hold: {text[:80]!a}.")
    if item.significant and shows_address(text):
        raise KeyUndefined(no_stable_text(text))


def spelled(item: luigi.Parameter[Any], value: Any) -> tuple[str, bool]:
    """Return what :func:`text_of` and :func:`is_readable` do.

    Raises:
        KeyUndefined: when the parameter's type has no text for the value.
    """
    plain = _PLAIN.get((type(item), type(value)))
    if plain is not None:
        return plain(value), True
    text = item.serialize(value)
    if not isinstance(text, str):
        raise KeyUndefined(not_text(text))
    for spelling in (text, _whole(value), _letters(value)):
        read = _NOTHING if spelling is None else _read(item, spelling)
        if read is not _NOTHING and _is_same(item, value, read, text):
            return _in_one_order(item, str(item.serialize(_positive(read)))), True
    return text, False


def _read(item: luigi.Parameter[Any], text: str) -> Any:
    try:
        return item.normalize(item.parse(text))
    except Exception:  # whatever Luigi's types, or an author's, raise for what they can't read
        return _NOTHING


def _whole(value: Any) -> str | None:
    """Return the text of a number that is whole, such as 5.0 or True, as an integer's."""
    if not isinstance(value, numbers.Number):
        return None
    number: Any = value
    try:
        return str(int(number)) if int(number) == number else None
    except (TypeError, ValueError, OverflowError):  # complex, NaN, infinity
        return None


def _letters(value: Any) -> str | None:
    """Return the plain ``str`` of a value whose type inherits from it, such as ``(str, Enum)``."""
    return str.__str__(value) if isinstance(value, str) else None


def _positive(value: Any) -> Any:
    return 0.0 if isinstance(value, float) and value == 0 else value  # -0.0 equals 0.0


def _is_same(item: luigi.Parameter[Any], value: Any, read: Any, text: str) -> bool:
    """Return whether what was read is the value; NaN is, though it does not equal itself."""
    if type(value).__eq__ is object.__eq__:  # type: ignore[comparison-overlap]
        return type(read) is type(value) and bool(item.serialize(read) == text)
    try:
        return bool(read == value or (value != value and read != read))
    except Exception:  # Luigi's date intervals refuse to be compared with others
        return False


def _in_one_order(item: luigi.Parameter[Any], text: str) -> str:
    """Return the text of a parameter's value with the names in its objects sorted.

    The objects ``{"a": 1, "b": 2}`` and ``{"b": 2, "a": 1}`` are equal, but Luigi writes each in its
    own order.
    """
    if not isinstance(item, _JSON_KINDS) or "{" not in text:
        return text
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:  # an author's subclass has another notation
        return text


def _with_one_number(item: luigi.Parameter[Any], text: str) -> str:
    """Return the text of a list or an object with 1.0 written as 1, which it equals."""
    if not isinstance(item, _JSON_KINDS) or not re.search(r"\d[.eE]", text):
        return text
    try:
        return json.dumps(json.loads(text, parse_float=_number), sort_keys=True)
    except ValueError:
        return text


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _pair(value: Any, text: str) -> tuple[str, str]:
    """Return kind and text of a value that its parameter can't read, the same for equal values."""
    whole = _whole(value)
    if whole is not None:
        return "number", whole
    if isinstance(value, str):
        return "str", str.__str__(value)
    if isinstance(value, (list, tuple)):
        return "list", json.dumps([_nested(each) for each in value])
    if isinstance(value, Mapping):
        pairs = [[_nested(name), _nested(each)] for name, each in value.items()]
        return "object", json.dumps(sorted(pairs, key=json.dumps))
    if isinstance(value, Set):
        return "set", json.dumps(sorted((_nested(each) for each in value), key=json.dumps))
    if isinstance(value, timedelta):  # Luigi's text leaves out what is shorter than a second
        return "timedelta", str(value)
    return type(value).__name__, text


def _nested(value: Any) -> tuple[str, str]:
    return _pair(value, str(value))
