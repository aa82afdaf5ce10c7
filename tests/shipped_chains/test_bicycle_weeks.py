from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable

import pytest
from luigi import DateIntervalParameter

from chains.agg.bicycle_weeks_chain import BusiestWeekTask, EveryWeekTask, RankingTask
from chains.etl.bicycles_chain import ReportTask
from datanectar import Result, RunFailed

Run = Callable[..., Result]
period = DateIntervalParameter().parse


def by_counter(bicycles: sqlite3.Connection, first: str, last: str) -> dict[str, int]:
    return dict(
        bicycles.execute(
            "select counter, sum(n) from counts where day between ? and ? group by 1", (first, last)
        )
    )


def test_a_ranking_agrees_with_sql_over_the_raw_file(
    run_chain: Run, bicycles: sqlite3.Connection
) -> None:
    built = run_chain(RankingTask(period=period("2016-W20")))
    now = by_counter(bicycles, "2016-05-16", "2016-05-22")
    before = by_counter(bicycles, "2016-05-09", "2016-05-15")
    rows = list(csv.DictReader(io.StringIO(built.read_text())))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["counter"] for row in rows] == [
        name for _, name in sorted((-n, c) for c, n in now.items())
    ]
    for row in rows:
        counter, change = row["counter"], float(row["change_percent"])
        assert (int(row["bicycles"]), int(row["before"])) == (now[counter], before[counter])
        assert (
            abs(before[counter] * (1 + change / 100) - now[counter])
            <= before[counter] * 0.0005 + 1e-6
        )


def test_two_dates_are_compared_with_as_many_days_before(
    run_chain: Run, bicycles: sqlite3.Connection
) -> None:
    built = run_chain(RankingTask(period=period("2016-05-04-2016-05-06")))
    first = next(csv.DictReader(io.StringIO(built.read_text())))
    assert (
        int(first["before"]) == by_counter(bicycles, "2016-05-02", "2016-05-03")[first["counter"]]
    )


def test_every_whole_week_of_a_period_is_ranked_and_the_reports_are_the_etl_chains_own(
    run_chain: Run,
) -> None:
    built = run_chain(EveryWeekTask(period=period("2016-05-01-2016-05-16")))
    assert built.status == "DONE"
    assert built.ran.count("RankingTask") == 2
    assert run_chain(EveryWeekTask(period=period("2016-05-01-2016-05-16"))).ran == []
    assert run_chain(ReportTask(period=period("2016-W18"))).ran == []


def test_the_busiest_week_asks_for_its_report_while_it_runs(
    run_chain: Run, bicycles: sqlite3.Connection
) -> None:
    built = run_chain(BusiestWeekTask(period=period("2016-05")))
    mondays = ("2016-05-02", "2016-05-09", "2016-05-16", "2016-05-23")
    weeks = bicycles.execute(
        "select strftime('%Y-%m-%d', day, '-6 days', 'weekday 1') monday, sum(n) from counts group by 1"
    )
    monday, most = max((row for row in weeks if row[0] in mondays), key=lambda row: row[1])
    ((name, number),) = bicycles.execute(
        "select 'W' || cast(strftime('%W', ?) as int), ?", (monday, most)
    )
    head, *lines = built.read_text().splitlines()
    assert head == f"busiest week of 2016-05: 2016-{name}, {number} bicycles"
    assert len(lines) == 4
    for line in lines:
        counter, _, found = line.partition(": ")
        ((peak, days),) = bicycles.execute(
            "select n, group_concat(distinct day) from counts where counter = ? and day between ? and"
            " date(?, '+6 days') group by n order by n desc limit 1",
            (counter, monday, monday),
        )
        assert found in [f"{peak} in an hour on {day}" for day in days.split(",")]


def test_a_period_without_a_whole_week_is_an_error(run_chain: Run) -> None:
    with pytest.raises(RunFailed) as failed:
        run_chain(BusiestWeekTask(period=period("2016-05-17")))
    assert failed.value.task == "agg/bicycle_weeks_chain/BusiestWeekTask"
    assert failed.value.reason == "ValueError: 2016-05-17 holds no whole week, Monday to Sunday."
