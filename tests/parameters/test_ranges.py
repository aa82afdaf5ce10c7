"""Several values of one parameter: ranges by the parameter's own kind, and lists."""

from __future__ import annotations

from enum import Enum
from typing import Any

import luigi
import pytest

from datanectar.parameters.ranges import texts_over


class Colour(Enum):
    RED = 1
    BLUE = 2


class OwnDay(luigi.DateParameter):
    """A class of an author's, with a notation of its own."""

    date_format = "%d.%m.%Y"


def over(item: luigi.Parameter, spelled: Any, most: int = 100) -> list[str]:
    cls = type("ATask", (luigi.Task,), {"item": item})
    return texts_over(cls, item, spelled, most)


RANGES: list[tuple[luigi.Parameter, Any, list[str]]] = [
    (luigi.DateParameter(), "2026-02-27..2026-03-01", ["2026-02-27", "2026-02-28", "2026-03-01"]),
    (luigi.DateParameter(), "2026-03-01..2026-02-27", ["2026-03-01", "2026-02-28", "2026-02-27"]),
    (luigi.DateParameter(), "2026-01-01..2026-01-20..7", ["2026-01-01", "2026-01-08", "2026-01-15"]),
    (luigi.DateParameter(), "2026-01-20..2026-01-01..7", ["2026-01-20", "2026-01-13", "2026-01-06"]),
    (luigi.DateParameter(), "2026-01-01", ["2026-01-01"]),
    (luigi.DateParameter(), "9999-12-30..9999-12-31", ["9999-12-30", "9999-12-31"]),
    (luigi.MonthParameter(), "2025-12..2026-02", ["2025-12", "2026-01", "2026-02"]),
    (luigi.MonthParameter(), "2026-02..2025-12", ["2026-02", "2026-01", "2025-12"]),
    (luigi.YearParameter(), "2024..2026", ["2024", "2025", "2026"]),
    (luigi.DateHourParameter(), "2026-01-01T22..2026-01-02T00", ["2026-01-01T22", "2026-01-01T23", "2026-01-02T00"]),
    (luigi.DateHourParameter(interval=6), "2026-01-01T00..2026-01-01T12", ["2026-01-01T00", "2026-01-01T06", "2026-01-01T12"]),
    (luigi.DateMinuteParameter(), "2026-01-01T2358..2026-01-02T0000", ["2026-01-01T2358", "2026-01-01T2359", "2026-01-02T0000"]),
    (luigi.DateMinuteParameter(), "2026-01-01 10:00..2026-01-01 11:00..30", ["2026-01-01T1000", "2026-01-01T1030", "2026-01-01T1100"]),
    (luigi.DateSecondParameter(), "2026-01-01T000000..2026-01-01T000001", ["2026-01-01T000000", "2026-01-01T000001"]),
    (luigi.DateIntervalParameter(), "2025-W52..2026-W02", ["2025-W52", "2026-W01", "2026-W02"]),
    (luigi.DateIntervalParameter(), "2026-W02..2025-W52", ["2026-W02", "2026-W01", "2025-W52"]),
    (luigi.DateIntervalParameter(), "2026-01..2026-03", ["2026-01", "2026-02", "2026-03"]),
    (luigi.DateIntervalParameter(), "2026-01-01..2026-01-02", ["2026-01-01", "2026-01-02"]),
    (luigi.IntParameter(), "-1..1", ["-1", "0", "1"]),
    (luigi.IntParameter(), "10..1..4", ["10", "6", "2"]),
    (luigi.IntParameter(), "1,5..7, 9", ["1", "5", "6", "7", "9"]),
    (luigi.NumericalParameter(var_type=int, min_value=0, max_value=9), "1..3", ["1", "2", "3"]),
    (luigi.OptionalIntParameter(), "1..2", ["1", "2"]),
    (OwnDay(), "27.02.2026..01.03.2026", ["27.02.2026", "28.02.2026", "01.03.2026"]),
    (luigi.ChoiceParameter(choices=["de", "fr"]), "de,fr", ["de", "fr"]),
    (luigi.EnumParameter(enum=Colour), "RED,BLUE", ["RED", "BLUE"]),
    (luigi.BoolParameter(), "true,false", ["True", "False"]),
    (luigi.FloatParameter(), "0.5,1.5", ["0.5", "1.5"]),
    (luigi.Parameter(), ["a,b", "../c"], ["a,b", "../c"]),
    (luigi.Parameter(), "a..b", ["a..b"]),
    (luigi.ListParameter(), [[1, 2], "[3]"], ["[1, 2]", "[3]"]),
    (luigi.ListParameter(), "[1, 2]", ["[1, 2]"]),
    (luigi.IntParameter(), [1, "3..4"], ["1", "3", "4"]),
]  # fmt: skip


@pytest.mark.parametrize(("item", "spelled", "expected"), RANGES)
def test_values_are_read_by_the_parameters_own_kind(
    item: luigi.Parameter, spelled: Any, expected: list[str]
) -> None:
    assert over(item, spelled) == expected


REFUSED: list[tuple[luigi.Parameter, Any, str]] = [
    (luigi.DateParameter(), "2026-01-01..", "a date such as"),
    (luigi.DateParameter(), "2026-01-01..soon", "a date such as"),
    (luigi.DateParameter(), "2026-01-01..2026-02-30", "a date such as"),
    (luigi.DateParameter(), "2026-01-01..2026-02-01..0", "a date such as"),
    (luigi.IntParameter(), "1,,2", "a whole number"),
    (luigi.IntParameter(), [], "empty"),
    (luigi.FloatParameter(), "0.1..0.5", "list them"),
    (luigi.ChoiceParameter(choices=["a", "b"]), "a..b", "list them"),
    (luigi.TimeDeltaParameter(), "1h..3h", "list them"),
    (luigi.DateIntervalParameter(), "2026..2026-03", "mismatch"),
    (luigi.DateIntervalParameter(), "2026-01-01-2026-01-03..2026-02-01-2026-02-03", "list such"),
]


@pytest.mark.parametrize(("item", "spelled", "words"), REFUSED)
def test_what_can_not_be_read_says_what_would_be(
    item: luigi.Parameter, spelled: Any, words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        over(item, spelled)


def test_a_range_without_end_costs_no_more_than_what_is_wanted() -> None:
    assert len(over(luigi.IntParameter(), f"0..{10**18}", most=5)) == 6
    assert len(over(luigi.IntParameter(), f"{10**18}..0", most=5)) == 6
