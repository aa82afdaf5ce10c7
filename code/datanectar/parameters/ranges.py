"""Several values of one parameter, as a person spells them: ``2026-01-01..2026-03-31`` or ``a,b``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import luigi

from datanectar.parameters.reading import Unreadable, read_parameter
from datanectar.parameters.types import type_of
from datanectar.parameters.values import kept_text

#: The first and the last value of a range, and how many steps apart its values are.
_RANGE = re.compile(r"(?P<first>.+?)\.\.(?P<last>.+?)(?:\.\.(?P<step>[1-9]\d{0,8}))?")


def texts_over(cls: type[luigi.Task], item: luigi.Parameter, spelled: Any, most: int) -> list[str]:
    """Return the values that ``spelled`` means, each once as its text, at most ``most`` + 1 of them.

    Args:
        cls: the task class.
        item: its parameter.
        spelled: a text, or a list of texts and JSON values. A text that the parameter reads is that
            value. Any other has values or ranges with commas between; a range is ``first..last`` or
            ``first..last..step``, and goes down when the first is the larger one.
        most: how many are wanted.

    Raises:
        ValueError: or whatever else the parameter's ``parse`` raises when it can't read one.
    """
    entries = spelled if isinstance(spelled, list) else [spelled]
    if not entries:
        raise Unreadable("a value: the list is empty")
    values = chain.from_iterable(_values(cls, item, entry) for entry in entries)
    return list(islice(_each_once(kept_text(cls, item, value) for value in values), most + 1))


def _each_once(texts: Iterable[str]) -> Iterator[str]:
    seen = set()
    for text in texts:
        if text not in seen:  # such as of an hour, with ``DateHourParameter(interval=6)``
            seen.add(text)
            yield text


def _values(cls: type[luigi.Task], item: luigi.Parameter, entry: Any) -> Iterator[Any]:
    try:
        yield read_parameter(cls, item, entry)
        return
    except Exception:  # whatever Luigi's types, or an author's, raise for what they can't read
        if not isinstance(entry, str) or not ("," in entry or ".." in entry):
            raise
    for part in map(str.strip, entry.split(",")):
        found = _RANGE.fullmatch(part)
        if found is None:
            yield read_parameter(cls, item, part)
        else:
            first, last = (
                read_parameter(cls, item, found[name].strip()) for name in ("first", "last")
            )
            yield from _range(item, first, last, int(found["step"] or 1))


def _range(item: luigi.Parameter, first: Any, last: Any, step: int) -> Iterator[Any]:
    after = type_of(item).after
    if after is None:
        raise ValueError("its values have no order: list them")
    upwards = first <= last  # Luigi's periods refuse to be compared with other kinds of periods
    value = first
    while value <= last if upwards else value >= last:
        yield item.normalize(value)
        if value == last:  # there may be none after it: the last day that there is
            return
        value = after(value, step if upwards else -step)
