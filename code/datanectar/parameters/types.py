"""The types of parameters: how each is read, explained, put in a form and described in OpenAPI.

A new type of Luigi's is one row of :data:`TYPES`. Nothing here imports Luigi, so that the web can use it too.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from datanectar.messages import ParameterDescription
from datanectar.parameters.notations import duration, time_to

Json = dict[str, Any]
#: The module that defines Luigi's parameter types.
LUIGI_MODULE = "luigi.parameter"


@dataclass(frozen=True)
class ParameterType:
    """One type of parameter. The defaults are those of a type that has no row.

    Attributes:
        reads: what it reads, in words that end "'x' is not ..."; or a function that returns them
            for one parameter; None: the error of ``parse`` is shown instead.
        to_luigi: converts a text to the notation that Luigi's ``parse`` reads.
        json_type: the type of its values in JSON, where another is refused.
        several: whether its text holds several values, separated by commas.
        keeps_empty: whether an empty text is one of its values.
        input: the widget in a form: ``checkbox``, ``textarea``, or the type of an HTML ``input``.
        step: the step of that ``input``: ``any``, or in its own unit (seconds of a time).
        label: its name in a form, where Luigi's is unclear.
        hint: an example in a form.
        schema: the JSON Schema of its text in a query string.
        after: returns the value so many steps after one (before it, if negative), for a type that has ranges of values.
    """

    reads: str | Callable[[Any], str] | None = None
    to_luigi: Callable[[str], str] = str
    json_type: type | None = None
    several: bool = False
    keeps_empty: bool = False
    input: str = "text"
    step: str | None = None
    label: str | None = None
    hint: str | None = None
    schema: Json = field(default_factory=lambda: {"type": "string"})
    after: Callable[[Any, int], Any] | None = None


def type_named(name: str) -> ParameterType:
    """Return the type of a class's name; of an author's class nothing else is known to the web."""
    return TYPES.get(name) or ParameterType(several=name.endswith("ListParameter"))


def type_of(item: Any) -> ParameterType:
    """Return the type of a ``luigi.Parameter``: its class's, or the first that it inherits from."""
    names = [cls.__name__ for cls in type(item).__mro__ if cls.__module__ == LUIGI_MODULE]
    return next(TYPES[name] for name in names if name in TYPES)


def plain_name(item: ParameterDescription) -> str:
    """Return the name of a parameter's class without Luigi's ``Optional`` before it."""
    return item.type.removeprefix("Optional") if item.optional else item.type


def label(name: str) -> str:
    """Return the words for a class's name in a form: ``DateIntervalParameter`` is a range of dates."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Parameter")).lower()
    return type_named(name).label or words or "text"


def choices_of(item: Any) -> list[str] | None:
    """Return what a choice or enum parameter accepts, as text; None for any other.

    Luigi keeps both in private attributes (luigi/parameter.py ``ChoiceParameter``, ``EnumParameter``).
    """
    enum = getattr(item, "_enum", None)
    if enum is not None:
        return [choice.name for choice in enum]
    choices = getattr(item, "_choices", None)
    return None if choices is None else sorted(str(choice) for choice in choices)


def _one_of_choices(item: Any) -> str:
    return f"one of {', '.join(choices_of(item) or ())}"


def _some_of_choices(item: Any) -> str:
    return f"some of {', '.join(choices_of(item) or ())}"


def _range(item: Any) -> str:
    """Return the limits of a ``NumericalParameter``, which Luigi keeps in private attributes."""
    kind = "a whole number" if item._var_type is int else "a number"
    low = "of at least" if item._left_op is operator.le else "above"
    high = "below" if item._right_op is operator.lt else "of at most"
    return f"{kind} {low} {item._min_value} and {high} {item._max_value}"


def _plus(value: int, count: int) -> int:
    if not isinstance(value, int):
        raise ValueError("numbers with a fraction have no ranges: list them")
    return value + count


def _plus_time(**unit: int) -> Callable[[date, int], date]:
    return lambda value, count: value + count * timedelta(**unit)


def _plus_months(value: date, count: int) -> date:
    months = value.year * 12 + value.month - 1 + count
    return value.replace(year=months // 12, month=months % 12 + 1, day=1)


def _plus_periods(value: Any, count: int) -> Any:
    try:
        for _ in range(abs(count)):
            value = value.next() if count > 0 else value.prev()  # of luigi.date_interval
    except NotImplementedError as problem:
        raise ValueError(f"{value} is no day, week, month or year: list such periods") from problem
    return value


_JSON_TEXT: Json = {"type": "string", "contentMediaType": "application/json"}

#: By the name of Luigi's class. An ``OptionalIntParameter`` is an ``IntParameter``.
TYPES = {
    "Parameter": ParameterType(json_type=str, keeps_empty=True),
    "StrParameter": ParameterType(json_type=str, keeps_empty=True),
    "PathParameter": ParameterType(keeps_empty=True),
    "TaskParameter": ParameterType(),
    "IntParameter": ParameterType(
        reads="a whole number", input="number", step="1", schema={"type": "integer"}, after=_plus
    ),
    "FloatParameter": ParameterType(
        reads="a number", input="number", step="any", schema={"type": "number"}
    ),
    "NumericalParameter": ParameterType(
        reads=_range, input="number", step="any", schema={"type": "number"}, after=_plus
    ),
    "BoolParameter": ParameterType(
        reads="true or false", input="checkbox", label="yes or no", schema={"type": "boolean"}
    ),
    "ChoiceParameter": ParameterType(reads=_one_of_choices),
    "EnumParameter": ParameterType(reads=_one_of_choices),
    "ChoiceListParameter": ParameterType(
        reads=_some_of_choices, several=True, hint="separated by commas"
    ),
    "EnumListParameter": ParameterType(several=True, hint="separated by commas"),
    "DateParameter": ParameterType(
        reads="a date such as 2016-05-17",
        input="date",
        schema={"type": "string", "format": "date"},
        after=_plus_time(days=1),
    ),
    "MonthParameter": ParameterType(
        reads="a month such as 2016-05",
        input="month",
        schema={"type": "string", "pattern": r"^\d{4}-\d{2}$"},
        after=_plus_months,
    ),
    "YearParameter": ParameterType(
        reads="a year such as 2016",
        input="number",
        step="1",
        schema={"type": "integer"},
        after=lambda value, count: _plus_months(value, 12 * count),
    ),
    "DateHourParameter": ParameterType(
        reads="an hour such as 2016-05-17T09, in UTC if it has a zone",
        to_luigi=time_to("hour"),
        input="datetime-local",
        step="3600",
        label="date and hour",
        hint="2026-06-03T14",
        schema={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}$"},
        after=_plus_time(hours=1),
    ),
    "DateMinuteParameter": ParameterType(
        reads="a minute such as 2016-05-17T0930, in UTC if it has a zone",
        to_luigi=time_to("minute"),
        input="datetime-local",
        step="60",
        label="date and minute",
        hint="2026-06-03T1430",
        schema={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{4}$"},
        after=_plus_time(minutes=1),
    ),
    "DateSecondParameter": ParameterType(
        reads="a second such as 2016-05-17T093015, in UTC if it has a zone",
        to_luigi=time_to("second"),
        input="datetime-local",
        step="1",
        label="date and time",
        hint="2026-06-03T143000",
        schema={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{6}$"},
        after=_plus_time(seconds=1),
    ),
    "DateIntervalParameter": ParameterType(
        reads="a period such as 2016-05, 2016-W20 or 2016-05-01-2016-05-08",
        label="range of dates",
        hint="2026-06, 2026-W23, or 2026-06-01-2026-06-15",
        after=_plus_periods,
    ),
    "TimeDeltaParameter": ParameterType(
        reads="a length of time such as 3 days, 2 h 30 min or PT90S, whole seconds",
        to_luigi=duration,
        label="length of time",
        hint="2 days, or 1h 30m",
    ),
    "ListParameter": ParameterType(
        reads="JSON, such as [1, 2]",
        json_type=list,
        input="textarea",
        hint='JSON, such as [1, 2, "three"]',
        schema=_JSON_TEXT,
    ),
    "TupleParameter": ParameterType(
        reads="JSON, such as [1, 2]",
        json_type=list,
        input="textarea",
        hint="JSON, such as [1, 2]",
        schema=_JSON_TEXT,
    ),
    "DictParameter": ParameterType(
        reads='JSON, such as {"a": 1}',
        json_type=dict,
        input="textarea",
        hint='JSON, such as {"name": "value"}',
        schema=_JSON_TEXT,
    ),
}
