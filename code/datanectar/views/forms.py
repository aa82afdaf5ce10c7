"""Forms made of a task's parameters: which widget each Luigi type gets, and what it sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from datanectar.messages import ParameterDescription

#: The input's ``type`` by Luigi's type, where HTML has one.
_INPUTS = {
    "DateParameter": "date",
    "MonthParameter": "month",
    "IntParameter": "number",
    "YearParameter": "number",
    "FloatParameter": "number",
    "NumericalParameter": "number",
}
_JSON_TYPES = ("ListParameter", "TupleParameter", "DictParameter")
_HINTS = {
    "DateHourParameter": "2026-06-03T14",
    "DateMinuteParameter": "2026-06-03T1430",
    "DateSecondParameter": "2026-06-03T143000",
    "DateIntervalParameter": "2026-06, 2026-W23, or 2026-06-01-2026-06-15",
    "TimeDeltaParameter": "2 days, or 1h 30m",
    "ListParameter": 'JSON, such as [1, 2, "three"]',
    "TupleParameter": "JSON, such as [1, 2]",
    "DictParameter": 'JSON, such as {"name": "value"}',
    "ChoiceListParameter": "separated by commas",
    "EnumListParameter": "separated by commas",
}
#: Types whose Luigi names say little to who fills in a form.
_NAMES = {
    "DateIntervalParameter": "range of dates",
    "DateHourParameter": "date and hour",
    "DateMinuteParameter": "date and minute",
    "DateSecondParameter": "date and time",
    "TimeDeltaParameter": "length of time",
    "BoolParameter": "yes or no",
}
#: What an input of that type can show; anything else, once typed, is kept in a plain one.
_SHOWABLE = {
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
    "month": re.compile(r"\d{4}-\d\d\Z"),
    "number": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE),
}


@dataclass(frozen=True)
class Field:
    """One parameter in a form: ``type`` in words; ``kind`` is select, checkbox, textarea or an
    input's type."""

    parameter: ParameterDescription
    type: str
    kind: str
    value: str
    step: str | None = None
    hint: str | None = None
    choices: tuple[str, ...] = ()
    error: str | None = None


def fields(
    parameters: list[ParameterDescription],
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[Field]:
    """Return the fields of a form.

    Args:
        typed: values by name that go before the defaults.
        errors: what is wrong, by name.
    """
    return [_field(item, typed or {}, (errors or {}).get(item.name)) for item in parameters]


def _field(item: ParameterDescription, typed: Mapping[str, str], error: str | None) -> Field:
    value = "" if item.private else typed.get(item.name, item.default or "")
    type = plain_type(item)
    kind, choices = _widget(item, type, value)
    shown = _SHOWABLE.get(kind)
    if shown and value and not shown.match(value):
        kind = "text"
    whole = type in ("IntParameter", "YearParameter")
    step = ("1" if whole else "any") if kind == "number" else None
    return Field(item, _words(type), kind, value, step, _HINTS.get(type), choices, error)


def _words(type: str) -> str:
    """Return a type in plain words: ``DateIntervalParameter`` is a range of dates."""
    if type in _NAMES:
        return _NAMES[type]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type.removesuffix("Parameter")).lower() or "text"


def plain_type(item: ParameterDescription) -> str:
    """Return the parameter's type without Luigi's ``Optional`` before it."""
    return item.type.removeprefix("Optional") if item.optional else item.type


def _widget(item: ParameterDescription, type: str, value: str) -> tuple[str, tuple[str, ...]]:
    if item.private:
        return "password", ()
    if type == "BoolParameter":
        return ("select", ("", "True", "False")) if item.optional else ("checkbox", ())
    if item.choices is not None and not type.endswith("ListParameter"):
        blank = ("",) if item.optional or (item.default is None and "" not in item.choices) else ()
        extra = (value,) if value and value not in item.choices else ()
        return "select", (*blank, *item.choices, *extra)
    if type in _JSON_TYPES or "\n" in value:
        return "textarea", ()
    return _INPUTS.get(type, "text"), ()


def given(parameters: list[ParameterDescription], form: MultiDict[str, str]) -> dict[str, Any]:
    """Return the raw values that a sent form gives; what is left empty is left to the default.

    An emptied text field is an empty text. A checkbox follows a hidden ``false``: the last counts.
    A default that is no text, such as the False of a ``luigi.Parameter``, is kept by leaving its
    field as it is.
    """
    raw: dict[str, Any] = {}
    for item in parameters:
        texts = [text.replace("\r\n", "\n") for text in form.getlist(item.name)]
        if texts and not _is_left_out(item, texts[-1]):
            raw[item.name] = texts[-1]
    return raw


def _is_left_out(item: ParameterDescription, text: str) -> bool:
    if text != "":
        return not item.default_readable and text == item.default
    if item.required or item.private or item.default is None:
        return True
    is_text = plain_type(item) in ("Parameter", "StrParameter", "PathParameter") or item.optional
    return not is_text and item.default != ""
