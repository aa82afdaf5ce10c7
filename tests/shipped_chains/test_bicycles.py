from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import random
import sqlite3
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import luigi
import pytest

from chains.etl import bicycles_chain
from chains.etl.bicycles_chain import (
    AggregateDayTask,
    ParseDayTask,
    PlotTask,
    ReportTask,
    ValidateDayTask,
)
from datanectar import Result, RunFailed
from datanectar.testing.project import Project
from tests.shipped_chains.conftest import CHAINS

DATA = CHAINS / "etl" / "data"
Run = Callable[..., Result]
day = luigi.DateParameter().parse
period = luigi.DateIntervalParameter().parse

FAULTY_DAY = """\
measured_at,counter,bicycles
2016-05-16T23:00,bridge,12
2016-05-17T00:00,bridge,10
2016-05-17T01:00,bridge,
2016-05-17T02:00,bridge,n/a
2016-05-17T03:00,bridge,65535
2016-05-17T04:00,bridge,-7
2016-05-17T05:00,bri
2016-0
17/05/2016 06:00,bridge,8
2016-05-32T07:00,bridge,8
2016-05-17T24:00,bridge,8
2016-05-17T08:00,test,8
# logger restarted
2016-05-17T09:00,bridge,3000
2016-05-17T09:00,bridge,3000
2016-05-17T00:00,bridge,11
2016-05-17T10:00,station,0
2016-05-18T00:00,bridge,9
"""


@pytest.fixture
def faulty_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the chain read another raw file."""
    raw = tmp_path / "counts.csv.gz"
    raw.write_bytes(gzip.compress(FAULTY_DAY.encode()))
    monkeypatch.setattr(bicycles_chain, "COUNTS", raw)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def daily(
    bicycles: sqlite3.Connection, what: str, first: str, last: str
) -> dict[str, dict[str, str]]:
    """Return what SQL makes of the raw file: a value as text by day and counter."""
    rows = bicycles.execute(
        f"select day, counter, {what} from counts where day between ? and ? group by 1, 2",
        (first, last),
    )
    days: dict[str, dict[str, str]] = {}
    for day, counter, value in rows:
        days.setdefault(day, {})[counter] = str(value)
    return days


def test_the_raw_file_is_what_its_script_makes() -> None:
    spec = importlib.util.spec_from_file_location("make_counts", DATA / "make_counts.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = "".join(f"{line}\n" for line in script.raw_lines(random.Random(2016)))
    assert gzip.decompress((DATA / "counts.csv.gz").read_bytes()).decode() == made


def test_lines_that_can_not_be_counted_are_rejected_with_the_reason(
    run_chain: Run, faulty_day: None
) -> None:
    built = run_chain(ValidateDayTask(day=day("2016-05-17")))
    result = json.loads(built.read_text())
    assert {row["line"]: row["reason"] for row in result["rejected"]} == {
        4: "the number of bicycles is missing",
        5: "'n/a' is not a number of bicycles",
        6: "65535 bicycles is not between 0 and 3000",
        7: "-7 bicycles is not between 0 and 3000",
        8: "3 fields expected, 2 found",
        9: "3 fields expected, 1 found",
        10: "'17/05/2016 06:00' is not an hour of that day, like 2016-05-17T08:00",
        11: "'2016-05-32T07:00' is not an hour of that day, like 2016-05-17T08:00",
        12: "'2016-05-17T24:00' is not an hour of that day, like 2016-05-17T08:00",
        13: "counter 'test' is not known",
        14: "3 fields expected, 1 found",
        16: "repeats line 15",
        17: "repeats line 3",
    }
    assert [(row["line"], row["bicycles"]) for row in result["accepted"]] == [
        (3, 10),
        (15, 3000),
        (18, 0),
    ]
    assert "line 5 rejected: 'n/a' is not a number of bicycles" in built.log


def test_a_day_is_summed_up_by_counter(run_chain: Run, faulty_day: None) -> None:
    built = run_chain(AggregateDayTask(day=day("2016-05-17")))
    assert built.read_text() == (
        "counter,hours,total,peak,peak_hour\nbridge,2,3010,3000,09:00\nstation,1,0,0,10:00\n"
    )


def test_a_report_agrees_with_sql_over_the_raw_file(
    run_chain: Run, bicycles: sqlite3.Connection
) -> None:
    metrics = {"total": "sum(n)", "peak": "max(n)", "hours": "count(*)"}
    for metric, what in metrics.items():
        built = run_chain(ReportTask(period=period("2016-05"), metric=metric))
        rows = {
            row.pop("day"): {k: v for k, v in row.items() if v} for row in table(built.read_text())
        }
        assert rows == daily(bicycles, what, "2016-05-01", "2016-05-31")


def test_the_shipped_month_holds_what_it_should(run_chain: Run) -> None:
    rows = table(run_chain(ReportTask(period=period("2016-W20"))).read_text())
    assert [row["day"] for row in rows] == [f"2016-05-{day}" for day in range(16, 23)]
    assert rows[-1]["station"] == "", "the station's counter was off all Sunday"
    assert all(2000 < int(row["bridge"]) < 6000 for row in rows[:5])


def test_a_rerun_does_nothing_and_a_shorter_period_uses_the_days_there(run_chain: Run) -> None:
    first = run_chain(ReportTask(period=period("2016-05-16-2016-05-20")))
    assert first.ran.count("AggregateDayTask") == 4
    assert run_chain(ReportTask(period=period("2016-05-16-2016-05-20"))).ran == []
    inner = run_chain(ReportTask(period=period("2016-05-17")))
    assert inner.ran == ["ReportTask"]


def test_a_plot_is_a_png_and_the_same_one_each_time(run_chain: Run) -> None:
    built = run_chain(PlotTask(period=period("2016-05-16-2016-05-18"), metric="peak"))
    first = built.read_bytes()
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", first[16:24]) == (990, 495)
    Path(built.path).unlink()
    again = run_chain(PlotTask(period=period("2016-05-16-2016-05-18"), metric="peak"))
    assert again.ran == ["PlotTask"]
    assert again.read_bytes() == first


def test_without_matplotlib_the_plot_says_what_to_install_and_the_report_stays(
    run_chain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(RunFailed) as failed:
        run_chain(PlotTask(period=period("2016-05-17")))
    assert failed.value.task == "etl/bicycles_chain/PlotTask"
    assert failed.value.reason == (
        "ImportError: This task needs matplotlib: pip install -e '.[examples]'"
    )
    assert run_chain(ReportTask(period=period("2016-05-17"))).ran == []


def test_a_day_that_the_file_does_not_know_fails_by_name_and_leaves_nothing(
    run_chain: Run, nectar_project: Project
) -> None:
    with pytest.raises(RunFailed) as failed:
        run_chain(AggregateDayTask(day=day("2016-07-01")))
    assert failed.value.task == "etl/bicycles_chain/ParseDayTask"
    assert failed.value.reason == (
        "ValueError: counts.csv.gz has no line of 2016-07-01. It begins with"
        " '2016-04-01T00:00,bridge,5' and ends with '2016-06-30T23:00,university,18'."
    )
    assert nectar_project.results() == []


def test_a_period_without_a_day_is_an_error(run_chain: Run) -> None:
    with pytest.raises(RunFailed, match="holds no day"):
        run_chain(ReportTask(period=period("2016-05-17-2016-05-17")))


def test_a_missing_raw_file_is_a_missing_dependency(
    run_chain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "counts.csv.gz"
    monkeypatch.setattr(bicycles_chain, "COUNTS", missing)
    with pytest.raises(RunFailed) as failed:
        run_chain(ParseDayTask(day=day("2016-05-17")))
    assert failed.value.reason == f"External data is missing: {missing} (RawCountsTask())."
    assert failed.value.result.ran == []


def test_the_data_in_the_repository_is_small() -> None:
    assert sum(path.stat().st_size for path in Path(DATA).iterdir() if path.is_file()) < 100_000
