"""What a parameter wants, in words for whoever gave it something else."""

from __future__ import annotations

import operator
import re
from datetime import datetime
from typing import Any

import luigi

from datanectar.catalog.collector import choices_of

#: By Luigi's class, or the first of those it is made from.
_WANTED: dict[type[luigi.Parameter[Any]], str] = {
    luigi.IntParameter: "a whole number",
    luigi.FloatParameter: "a number",
    luigi.BoolParameter: "true or false",
    luigi.DateParameter: "a date such as 2016-05-17",
    luigi.MonthParameter: "a month such as 2016-05",
    luigi.YearParameter: "a year such as 2016",
    luigi.DateHourParameter: "an hour such as 2016-05-17T09, in UTC if it has a zone",
    luigi.DateMinuteParameter: "a minute such as 2016-05-17T0930, in UTC if it has a zone",
    luigi.DateSecondParameter: "a second such as 2016-05-17T093015, in UTC if it has a zone",
    luigi.DateIntervalParameter: "a period such as 2016-05, 2016-W20 or 2016-05-01-2016-05-08",
    luigi.TimeDeltaParameter: "a length of time such as 3 days, 2 h 30 min or PT90S, whole seconds",
    luigi.ListParameter: "JSON, such as [1, 2]",
    luigi.TupleParameter: "JSON, such as [1, 2]",
    luigi.DictParameter: 'JSON, such as {"a": 1}',
}


_LENGTHS = (
    r"(?:(?P<w>\d+) ?w(?:eeks?)? ?)?"
    r"(?:(?P<d>\d+) ?d(?:ays?)? ?)?"
    r"(?:(?P<h>\d+) ?h(?:(?:ou)?rs?)? ?)?"
    r"(?:(?P<m>\d+) ?m(?:in(?:ute)?s?)? ?)?"
    r"(?:(?P<s>\d+) ?s(?:ec(?:ond)?s?)?)?"
)
_ISO_LENGTHS = (
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?"
)
_LENGTH_FORMS = [re.compile(form, re.ASCII) for form in (_LENGTHS, _ISO_LENGTHS)]
_ISO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.0+)?)?)?(?:[Zz]|[+-]00:?00)?", re.ASCII
)
#: By Luigi's class, how many of hour, minute and second its texts have.
_TIME_PARTS: dict[type[luigi.Parameter[Any]], int] = {
    luigi.DateHourParameter: 1,
    luigi.DateMinuteParameter: 2,
    luigi.DateSecondParameter: 3,
}


class Unreadable(ValueError):
    """A text that a parameter can't read; the message is what it wants."""


def parse(item: luigi.Parameter[Any], text: str) -> Any:
    """Return the value that a text stands for.

    Raises:
        NotWanted: saying what is wanted, where that is known.
        Exception: what the ``parse`` of any other parameter raises.
    """
    try:
        return item.parse(_in_luigis_notation(item, text))
    except Exception as problem:
        words = _wanted(item)
        if words is None:
            raise
        raise Unreadable(words) from problem


def _in_luigis_notation(item: luigi.Parameter[Any], text: str) -> str:
    """Return a text as Luigi's type reads it whole: of a length of time it drops what it can't read.

    Raises:
        ValueError: when it is no length of time.
    """
    kind = _luigis_type(item)
    if kind is luigi.TimeDeltaParameter:
        return _length(text)
    parts = _TIME_PARTS.get(kind) if kind else None
    found = _ISO_TIME.fullmatch(text) if parts else None
    if parts is None or found is None:
        return text
    day, *clock = found.groups(default="00")
    datetime.strptime(f"{day} {' '.join(clock)}", "%Y-%m-%d %H %M %S")
    if set(clock[parts:]) - {"00"}:
        raise ValueError(f"{text} is finer than {type(item).__name__}")
    return f"{day}T{''.join(clock[:parts])}"


def _luigis_type(item: luigi.Parameter[Any]) -> type[luigi.Parameter[Any]] | None:
    """Return Luigi's type that reads texts for this one, which an author may have made from it."""
    cls = next(cls for cls in type(item).__mro__ if cls.__module__ == luigi.Parameter.__module__)
    for name in ("parse", "date_format"):
        if getattr(type(item), name, None) is not getattr(cls, name, None):
            return None
    return cls


def _length(text: str) -> str:
    try:
        float(text)  # seconds
    except ValueError:
        found = next(filter(None, (form.fullmatch(text) for form in _LENGTH_FORMS)), None)
        if found is None or not any(found.groups()):
            raise
        return " ".join(f"{count} {unit}" for unit, count in found.groupdict("0").items())
    return text


def _wanted(item: luigi.Parameter[Any]) -> str | None:
    if _luigis_type(item) is None:  # an author's has its own words
        return None
    if isinstance(item, luigi.NumericalParameter):
        return _range(item)
    if isinstance(item, (luigi.ChoiceParameter, luigi.EnumParameter)):
        several = isinstance(item, luigi.ChoiceListParameter)
        return f"{'some' if several else 'one'} of {', '.join(choices_of(item) or ())}"
    return next((_WANTED[cls] for cls in type(item).__mro__ if cls in _WANTED), None)


def _range(item: Any) -> str:
    """Return a numerical parameter's limits, which Luigi keeps in private attributes."""
    kind = "a whole number" if item._var_type is int else "a number"
    low = "of at least" if item._left_op is operator.le else "above"
    high = "below" if item._right_op is operator.lt else "of at most"
    return f"{kind} {low} {item._min_value} and {high} {item._max_value}"
