"""What a parameter wants, in words for whoever gave it something else."""

from __future__ import annotations

import operator
from typing import Any

import luigi

from datanectar.api.api_chains import choices_of

#: By Luigi's class, or the first of those it is made from.
_WANTED: dict[type[luigi.Parameter[Any]], str] = {
    luigi.IntParameter: "a whole number",
    luigi.FloatParameter: "a number",
    luigi.BoolParameter: "true or false",
    luigi.DateParameter: "a date such as 2016-05-17",
    luigi.MonthParameter: "a month such as 2016-05",
    luigi.YearParameter: "a year such as 2016",
    luigi.DateHourParameter: "an hour such as 2016-05-17T09",
    luigi.DateMinuteParameter: "a minute such as 2016-05-17T0930",
    luigi.DateSecondParameter: "a second such as 2016-05-17T093015",
    luigi.DateIntervalParameter: "a period such as 2016-05, 2016-W20 or 2016-05-01-2016-05-08",
    luigi.TimeDeltaParameter: "a length of time such as 3 days or 2 h 30 m",
    luigi.ListParameter: "JSON, such as [1, 2]",
    luigi.TupleParameter: "JSON, such as [1, 2]",
    luigi.DictParameter: 'JSON, such as {"a": 1}',
}


class NotWanted(ValueError):
    """A text that a parameter can't read; the message is what it wants."""


def parse(item: luigi.Parameter[Any], text: str) -> Any:
    """Return the value that a text stands for.

    Raises:
        NotWanted: saying what is wanted, where that is known.
        Exception: what the ``parse`` of any other parameter raises.
    """
    try:
        return item.parse(text)
    except Exception as problem:
        words = _wanted(item)
        if words is None:
            raise
        raise NotWanted(words) from problem


def _wanted(item: luigi.Parameter[Any]) -> str | None:
    if type(item).__module__ != luigi.Parameter.__module__:  # an author's has its own words
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
