"""The keys of a grid: which columns there are, and to which of them a task belongs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datanectar.child.pages import grid as module
from datanectar.errors import BadRequest
from datanectar.messages.pages import Grid, GridJob

NOW = "2026-11-28T10:00:00+00:00"
CHAIN = """
import datetime
import luigi
from datanectar import NectarTask

class RawTask(NectarTask):
    number = luigi.IntParameter(default=1)

class OrdersTask(NectarTask):
    day = luigi.DateParameter()
    shop = luigi.Parameter(default="north")

class ReportTask(NectarTask):
    day = luigi.DateParameter()
    size = luigi.IntParameter(default=3)
    def requires(self):
        if self.day.day == 26:
            raise ValueError("not for this day")
        days = (self.day, self.day - datetime.timedelta(1))
        return [RawTask(), *[OrdersTask(day=day, shop=shop) for day in days for shop in "ns"]]

class EndlessTask(NectarTask):
    day = luigi.DateParameter()
    level = luigi.IntParameter(default=0)
    def requires(self):
        return EndlessTask(day=self.day, level=self.level + 1)

class YesterdayTask(NectarTask):
    day = luigi.DateParameter()
    def requires(self):
        return YesterdayTask(day=self.day - datetime.timedelta(1))

class WeekTask(NectarTask):
    week = luigi.DateIntervalParameter()
    def requires(self):
        return [OrdersTask(day=day) for day in self.week.dates()]

class HourTask(NectarTask):
    hour = luigi.DateHourParameter(interval=6)

class MonthTask(NectarTask):
    kind = luigi.ChoiceParameter(choices=["b", "a"], default="a")
    month = luigi.MonthParameter()

class FlagTask(NectarTask):
    flag = luigi.BoolParameter()

class SecretTask(NectarTask):
    word = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)
"""


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    place = tmp_path / "code" / "chains" / "grids" / "grids_chain.py"
    place.parent.mkdir(parents=True)
    place.write_text(CHAIN)
    monkeypatch.setenv("DATANECTAR_PROJECT", str(tmp_path))
    monkeypatch.setattr(module.output, "mute", lambda: None)
    monkeypatch.setenv("DATANECTAR_RUN_TIME", NOW)

    def look(task: str, raw: dict[str, Any] | None = None, **more: Any) -> Grid:
        return module.grid(GridJob("grids", "grids_chain", task, raw or {}, NOW, **more))

    return look


@pytest.mark.parametrize(
    ("task", "more", "columns", "is_range"),
    [
        ("ReportTask", {"count": 3}, ["2026-11-26", "2026-11-27", "2026-11-28"], True),
        # The days up to now are missing, if the last that ran is near; what is long past ended.
        ("OrdersTask", {"count": 2, "ran": [{"day": "2026-11-27"}]}, ["2026-11-27", "2026-11-28"], True),
        ("OrdersTask", {"count": 2, "ran": [{"day": "2016-02-29"}]}, ["2016-02-28", "2016-02-29"], True),
        ("OrdersTask", {"count": 2, "ran": [{"day": "2027-01-02"}]}, ["2027-01-01", "2027-01-02"], True),
        ("OrdersTask", {"count": 2, "last": "2020-01-01"}, ["2019-12-31", "2020-01-01"], True),
        ("OrdersTask", {"count": 5, "last": "0001-01-02"}, ["0001-01-01", "0001-01-02"], True),
        ("WeekTask", {"count": 2, "ran": [{"week": "2026-W46"}, {"week": "2027"}]}, ["2026-W47", "2026-W48"], True),
        ("WeekTask", {"last": "2026-01-01-2026-01-08"}, ["2026-01-01-2026-01-08"], False),
        ("HourTask", {"count": 3}, ["2026-11-27T18", "2026-11-28T00", "2026-11-28T06"], True),
        ("MonthTask", {"count": 2}, ["2026-10", "2026-11"], True),
        ("MonthTask", {"over": "kind", "raw": {"month": "2026-01"}}, ["a", "b"], False),
        ("FlagTask", {}, ["False", "True"], False),
        ("RawTask", {"ran": [{"number": "12"}, {"number": "5"}, {"number": "x"}]}, ["5", "12"], False),
        ("RawTask", {}, ["1"], False),
    ],
)  # fmt: skip
def test_the_columns_are_the_periods_up_to_now_or_what_ran(
    look: Any, task: str, more: dict[str, Any], columns: list[str], is_range: bool
) -> None:
    found = look(task, **more)
    assert (found.columns, found.is_range) == (columns, is_range)


def test_what_is_required_stands_in_the_column_of_its_own_value(look: Any) -> None:
    found = look("ReportTask", count=4)
    placed = [(task.family.rpartition(".")[2], *task.params.values()) for task in found.tasks]
    columns = dict(zip(placed, (task.columns for task in found.tasks), strict=True))
    assert columns["RawTask", "1"] == [0, 2, 3]  # its requires() fails for the day of column 1
    assert columns["OrdersTask", "2026-11-26", "n"] == [1]
    assert ("OrdersTask", "2026-11-24", "n") not in columns
    assert found.fixed == {"size": "3"}
    assert found.tasks[0].key is not None
    assert found.tasks[0].complete is False
    week = look("WeekTask", count=1, ran=[{"week": "2026-W48"}])
    assert len(week.tasks) == 8


def test_a_chain_without_an_end_shows_its_own_row(look: Any) -> None:
    found = look("EndlessTask", count=3)
    assert found.cut
    assert [task.columns for task in found.tasks] == [[0], [1], [2]]
    linked = look("YesterdayTask", count=3)
    assert not linked.cut
    assert [task.columns for task in linked.tasks] == [[0], [1], [2]]


def test_what_has_no_columns_is_refused(look: Any) -> None:
    with pytest.raises(BadRequest, match="no parameter"):
        look("SecretTask")
    with pytest.raises(BadRequest, match="one of kind, month"):
        look("MonthTask", over="nothing")
    with pytest.raises(BadRequest, match="not a month"):
        look("MonthTask", last="x")
