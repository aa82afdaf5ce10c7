from __future__ import annotations

import csv
import io
import sqlite3

from tests.shipped_chains.conftest import Project

AGG = "agg.bicycle_weeks_chain"
ETL = "etl.bicycles_chain"


def by_counter(bicycles: sqlite3.Connection, first: str, last: str) -> dict[str, int]:
    return dict(
        bicycles.execute(
            "select counter, sum(n) from counts where day between ? and ? group by 1", (first, last)
        )
    )


def test_a_ranking_agrees_with_sql_over_the_raw_file(
    project: Project, bicycles: sqlite3.Connection
) -> None:
    built = project.build(AGG, "RankingTask", period="2016-W20")
    now = by_counter(bicycles, "2016-05-16", "2016-05-22")
    before = by_counter(bicycles, "2016-05-09", "2016-05-15")
    rows = list(csv.DictReader(io.StringIO(built.text)))
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
    project: Project, bicycles: sqlite3.Connection
) -> None:
    built = project.build(AGG, "RankingTask", period="2016-05-04-2016-05-06")
    first = next(csv.DictReader(io.StringIO(built.text)))
    assert (
        int(first["before"]) == by_counter(bicycles, "2016-05-02", "2016-05-03")[first["counter"]]
    )


def test_every_whole_week_of_a_period_is_ranked_and_the_reports_are_the_etl_chains_own(
    project: Project,
) -> None:
    built = project.build(AGG, "EveryWeekTask", period="2016-05-01-2016-05-16")
    assert built.complete
    assert built.started.count("RankingTask") == 2
    assert project.build(AGG, "EveryWeekTask", period="2016-05-01-2016-05-16").started == []
    assert project.build(ETL, "ReportTask", period="2016-W18").started == []


def test_the_busiest_week_asks_for_its_report_while_it_runs(
    project: Project, bicycles: sqlite3.Connection
) -> None:
    built = project.build(AGG, "BusiestWeekTask", period="2016-05")
    mondays = ("2016-05-02", "2016-05-09", "2016-05-16", "2016-05-23")
    weeks = bicycles.execute(
        "select strftime('%Y-%m-%d', day, '-6 days', 'weekday 1') monday, sum(n) from counts group by 1"
    )
    monday, most = max((row for row in weeks if row[0] in mondays), key=lambda row: row[1])
    ((name, number),) = bicycles.execute(
        "select 'W' || cast(strftime('%W', ?) as int), ?", (monday, most)
    )
    head, *lines = built.text.splitlines()
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


def test_a_period_without_a_whole_week_is_an_error(project: Project) -> None:
    failed = project.build(AGG, "BusiestWeekTask", period="2016-05-17")
    assert failed.errors == ["BusiestWeekTask: 2016-05-17 holds no whole week, Monday to Sunday."]
