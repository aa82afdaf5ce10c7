"""Spellings of times: read whole, or refused in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import luigi
import pytest

from datanectar.parameters.reading import Unreadable, parse


class Age(luigi.TimeDeltaParameter):
    """Luigi's own reading under another name."""


class Hour(luigi.DateHourParameter):
    """Luigi's own reading under another name."""


class WordyHour(luigi.DateHourParameter):
    """Another spelling."""

    date_format = "%d %B %Y, %H"


class Days(luigi.TimeDeltaParameter):
    """Another reading."""

    def parse(self, x: str) -> timedelta:
        return timedelta(days=int(x))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1 week", timedelta(weeks=1)),
        ("2 weeks 3 days", timedelta(days=17)),
        ("1w2d3h4m5s", timedelta(days=9, hours=3, minutes=4, seconds=5)),
        ("3 d 2 h", timedelta(days=3, hours=2)),
        ("1 hr", timedelta(hours=1)),
        ("2 hrs 30 mins", timedelta(hours=2, minutes=30)),
        ("2 hours 1 minute 1 second", timedelta(hours=2, minutes=1, seconds=1)),
        ("30 min 10 sec", timedelta(minutes=30, seconds=10)),
        ("10 secs", timedelta(seconds=10)),
        ("0 w 0 d 8 h 20 m 0 s", timedelta(hours=8, minutes=20)),
        ("0 s", timedelta()),
        ("PT0S", timedelta()),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P3W", timedelta(weeks=3)),
        ("PT90M", timedelta(minutes=90)),
        ("93600", timedelta(hours=26)),
        ("1e3", timedelta(seconds=1000)),
    ],
)
def test_a_length_of_time_is_read(text: str, length: timedelta) -> None:
    """fault 1.16"""
    assert parse(luigi.TimeDeltaParameter(), text) == length
    assert parse(Age(), text) == length


def test_a_type_that_reads_for_itself_is_left_to_it() -> None:
    """fault 1.16"""
    assert parse(Days(), "3") == timedelta(days=3)
    with pytest.raises(ValueError, match="invalid literal"):
        parse(Days(), "3 d")
    assert parse(WordyHour(), "17 May 2016, 09") == datetime(2016, 5, 17, 9)
    with pytest.raises(ValueError, match="does not match format"):
        parse(WordyHour(), "2016-05-17T09:00")


@pytest.mark.parametrize(
    "text",
    [
        "500 ms", "2 months", "1 month", "1 year", "1.5 h", "-5 m", "01:30:00", "5 m 3 h", "2 hx", "P",
        "PT", "P1Y", "P1M", "PT1H30", "1 d and 2 h", "", " ", "h", "3 days ago", "1 dayss", "5 mon", "nan",
        "1 Hour", "5m\n", "inf", "P1DT2H tail", "1 weekday", "2 s 500 ms", "1e30",
    ],
)  # fmt: skip
def test_what_is_no_length_of_time_as_a_whole_is_refused(text: str) -> None:
    """fault 1.16"""
    for item in (luigi.TimeDeltaParameter(), Age()):
        with pytest.raises(Unreadable, match="a length of time such as"):
            parse(item, text)


HOUR, MINUTE = luigi.DateHourParameter(), luigi.DateMinuteParameter()
SECOND = luigi.DateSecondParameter()


@pytest.mark.parametrize(
    ("item", "text", "moment"),
    [
        (HOUR, "2026-01-01T00:00:00Z", datetime(2026, 1, 1)),
        (HOUR, "2026-01-01T05", datetime(2026, 1, 1, 5)),
        (HOUR, "2026-01-01T05Z", datetime(2026, 1, 1, 5)),
        (Hour(), "2026-01-01T05:00Z", datetime(2026, 1, 1, 5)),
        (HOUR, "2026-01-01 05:00", datetime(2026, 1, 1, 5)),
        (MINUTE, "2026-01-01T00:07:00Z", datetime(2026, 1, 1, 0, 7)),
        (MINUTE, "2026-01-01T00:07", datetime(2026, 1, 1, 0, 7)),
        (MINUTE, "2026-01-01 00:07", datetime(2026, 1, 1, 0, 7)),
        (MINUTE, "2026-01-01T0007", datetime(2026, 1, 1, 0, 7)),
        (SECOND, "2026-01-01T00:07:09+00:00", datetime(2026, 1, 1, 0, 7, 9)),
        (SECOND, "2026-01-01T00:07:09-0000", datetime(2026, 1, 1, 0, 7, 9)),
        (SECOND, "2026-01-01t00:07:09.000z", datetime(2026, 1, 1, 0, 7, 9)),
        (SECOND, "2026-01-01T000709", datetime(2026, 1, 1, 0, 7, 9)),
        (SECOND, "2026-01-01T00:07", datetime(2026, 1, 1, 0, 7)),
    ],
)
def test_a_time_is_read_as_clocks_and_programs_write_it(
    item: Any, text: str, moment: datetime
) -> None:
    """fault 3.22: 2026-01-01T00:00:00Z"""
    assert parse(item, text) == moment


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (HOUR, "2026-01-01T05:30"),
        (MINUTE, "2026-01-01T05:30:01Z"),
        (SECOND, "2026-01-01T05:30:01.5Z"),
        (SECOND, "2026-01-01T05:30:01+02:00"),
        (SECOND, "2026-02-30T05:30:01Z"),
        (HOUR, "2026-01-01T24:00"),
        (HOUR, "2026-01-01T05:60"),
        (HOUR, "2026-01-01"),
        (MINUTE, "2026-01-01T05"[:-1]),
    ],
)
def test_a_time_that_would_lose_something_is_refused(item: Any, text: str) -> None:
    """fault 3.22"""
    with pytest.raises(Unreadable, match="in UTC if it has a zone"):
        parse(item, text)
