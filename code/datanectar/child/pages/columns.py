"""The values of a parameter that are the columns of a grid: periods of time, or what has run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any

import luigi
from luigi.date_interval import Date

from datanectar.errors import BadRequest
from datanectar.keys import run_time
from datanectar.messages.pages import GridJob
from datanectar.parameters.reading import read_parameter
from datanectar.parameters.types import choices_of, type_of
from datanectar.parameters.values import kept_text
from datanectar.parameters.visibility import is_public

Ran = Iterable[Mapping[str, str]]


def chosen_parameter(cls: type[luigi.Task], name: str) -> tuple[str, luigi.Parameter]:
    """Return the parameter whose values are the columns, by name.

    Args:
        name: the one that is asked for; empty: the first with periods of time, else the first.

    Raises:
        BadRequest: when there is none, or it is not one whose values may be shown.
    """
    usable = {name: item for name, item in cls.get_params() if item.significant and is_public(item)}
    if not usable:
        raise BadRequest(f"{cls.__name__} has no parameter that its results differ by.")
    if name and name not in usable:
        why = f"one of {', '.join(usable)}"
        raise BadRequest(f"over is {why}.", fields={"over": why})
    periods = (name for name, item in usable.items() if is_period(item))
    name = name or next(periods, None) or next(iter(usable))
    return name, usable[name]


def is_period(item: luigi.Parameter) -> bool:
    """Tell whether a parameter's values are periods of time that follow each other without a gap."""
    if isinstance(item, luigi.DateMinuteParameter):
        return bool(item.interval > 1)
    return isinstance(
        item, (luigi.DateParameter, luigi.DateHourParameter, luigi.DateIntervalParameter)
    )


def columns(
    cls: type[luigi.Task], name: str, item: luigi.Parameter, job: GridJob
) -> tuple[list[str], bool]:
    """Return the texts of the columns, the oldest first, and whether they are a range of periods.

    Raises:
        BadRequest: when ``job.last`` is no value of the parameter.
    """
    if is_period(item):
        last = _last_period(cls, name, item, job)
        values = islice(_backwards(item, last), job.count)
        texts = [kept_text(cls, item, value) for value in values]
        if len(texts) > 1 or job.last or job.count == 1:
            return texts[::-1], len(texts) > 1
    return _listed(cls, name, item, job), False


def _last_period(cls: type[luigi.Task], name: str, item: luigi.Parameter, job: GridJob) -> Any:
    """Return the value that is asked for, else the period of now, else the latest that has run.

    It is the period of now if not many have passed since the latest one.
    """
    if job.last:
        try:
            return read_parameter(cls, item, job.last)
        except Exception as problem:  # also of parameter classes that an author wrote
            why = f"{job.last[:100]!r} is not {type_of(item).reads or 'a value of it'}"
            raise BadRequest(f"last: {why}", fields={"last": why}) from problem
    known = _latest(_ran(cls, name, item, job.ran)) or _default(cls, name, item)
    return _period_of_now(item) if known is None else _up_to_now(item, known, job.count)


def _up_to_now(item: luigi.Parameter, known: Any, most: int) -> Any:
    """Return the last period that has begun; the known one if more than ``most`` are between."""
    value = known
    for _ in range(most + 1):
        following = _after(item, value, 1)
        if following is None or not _has_begun(following):
            return value
        value = following
    return known


def _latest(values: list[Any]) -> Any:
    """Return the last of the values; of intervals, among those as long as the first's kind."""
    alike = [value for value in values if type(value) is type(values[0])]
    try:
        return max(alike, default=None)
    except TypeError:
        return alike[0]


def _backwards(item: luigi.Parameter, value: Any) -> Iterator[Any]:
    while value is not None:
        yield value
        value = _after(item, value, -1)


def _after(item: luigi.Parameter, value: Any, count: int) -> Any:
    """Return the period so many after one; None: there is none, as after an interval of ten days."""
    after = type_of(item).after
    try:
        step = count * int(getattr(item, "interval", 1))
        return item.normalize(after(value, step)) if after else None
    except (ValueError, OverflowError):
        return None


def _has_begun(value: Any) -> bool:
    begin, now = getattr(value, "date_a", value), run_time().replace(tzinfo=None)
    return bool(begin <= (now if isinstance(begin, datetime) else now.date()))


def _period_of_now(item: luigi.Parameter) -> Any:
    now = run_time().replace(tzinfo=None)
    if isinstance(item, luigi.DateIntervalParameter):
        return Date.from_date(now.date())
    return item.normalize(now.date() if isinstance(item, luigi.DateParameter) else now)


def _listed(cls: type[luigi.Task], name: str, item: luigi.Parameter, job: GridJob) -> list[str]:
    """Return the texts of all values, where there are few, else of those that ran last."""
    if isinstance(item, luigi.BoolParameter):
        return ["False", "True"]
    if not type_of(item).several and (choices := choices_of(item)):
        return choices[: job.count]
    values = _ran(cls, name, item, job.ran)
    if not values and (default := _default(cls, name, item)) is not None:
        values = [default]
    distinct = list({kept_text(cls, item, value): value for value in values}.items())[: job.count]
    try:
        distinct.sort(key=lambda pair: pair[1])
    except TypeError:
        distinct.reverse()  # values without an order: the one that ran last is the last
    return [text for text, _ in distinct if "\n" not in text]


def _ran(cls: type[luigi.Task], name: str, item: luigi.Parameter, ran: Ran) -> list[Any]:
    """Return the values of the last runs that can still be read, the newest first."""
    values = []
    for text in dict.fromkeys(params[name] for params in ran if name in params):
        try:
            values.append(read_parameter(cls, item, text))
        except Exception:  # noqa: S112  # of a parameter that has changed since, in any way
            continue
    return [value for value in values if value is not None]


def _default(cls: type[luigi.Task], name: str, item: luigi.Parameter) -> Any:
    family = cls.get_task_family()
    if not item.has_task_value(family, name):
        return None
    value = item.task_value(family, name)
    return value if not isinstance(value, date) else item.normalize(value)
