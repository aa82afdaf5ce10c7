"""What the etl chain's reports say when periods are laid side by side::

    etl: ReportTask (this period) ──┐
    etl: ReportTask (one before) ───┴── RankingTask ── EveryWeekTask
                                             └──────── BusiestWeekTask ·· etl: ReportTask (peaks)

A chain uses another one's tasks by importing them. They keep their own keys: what the etl chain has
made is used as it is, and what is made for this chain is there for the etl chain as well.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Generator, Iterator

import luigi
from luigi.date_interval import Custom, DateInterval, Month, Week

from chains.etl.bicycles_chain import COUNTERS, ReportTask
from datanectar import NectarTask


class RankingTask(NectarTask):
    """Rank the counters by their bicycles in a period, and compare each with the period before."""

    period = luigi.DateIntervalParameter(
        default=Week(2016, 20),
        description="an ISO week (2016-W20), a month (2016-05), or any other period of the reports",
    )
    output_name = "out.csv"

    def requires(self) -> dict[str, luigi.Task]:
        """Need the totals of the period and of the one of the same kind before it."""
        earlier = period_before(self.period)
        return {"now": ReportTask(period=self.period), "before": ReportTask(period=earlier)}

    def run(self) -> None:
        """Write a line for each counter, the busiest first."""
        now, before = totals(self.input()["now"]), totals(self.input()["before"])
        ranked = sorted(COUNTERS, key=now.__getitem__, reverse=True)
        with self.output().open("w") as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(["rank", "counter", "bicycles", "before", "change_percent"])
            for rank, counter in enumerate(ranked, start=1):
                was, is_now = before[counter], now[counter]
                table.writerow([rank, counter, is_now, was, change(was, is_now)])


def period_before(period: DateInterval) -> DateInterval:
    """Return the week before a week, the month before a month, as many days before others."""
    if isinstance(period, Custom):
        return Custom(period.date_a - (period.date_b - period.date_a), period.date_a)
    return period.prev()


def totals(report: luigi.Target) -> dict[str, int]:
    """Return all bicycles of each counter in a report. A day of silence adds nothing."""
    with report.open("r") as stream:
        rows = list(csv.DictReader(stream))
    return {counter: sum(int(row[counter] or 0) for row in rows) for counter in COUNTERS}


def change(before: int, now: int) -> str:
    """Return the change in percent with one decimal, or nothing when there was nothing before."""
    return f"{100 * (now - before) / before:+.1f}" if before else ""


def weeks_in(period: DateInterval) -> list[Week]:
    """Return the ISO weeks that lie within the period as a whole."""
    days, to_sunday = period.dates(), datetime.timedelta(days=6)
    mondays = [day for day in days if day.weekday() == 0 and day + to_sunday in days]
    return [Week.from_date(monday) for monday in mondays]


class EveryWeekTask(luigi.WrapperTask):
    """Make the ranking of every whole week in a period. Has no result of its own."""

    period = luigi.DateIntervalParameter(default=Month(2016, 5), description="such as 2016-05")

    def requires(self) -> Iterator[luigi.Task]:
        """Need one ranking a week."""
        for week in weeks_in(self.period):
            yield RankingTask(period=week)


class BusiestWeekTask(NectarTask):
    """Find the busiest whole week of a period, and tell when each counter had its best day in it."""

    period = luigi.DateIntervalParameter(default=Month(2016, 5), description="such as 2016-05")

    def requires(self) -> dict[Week, luigi.Task]:
        """Need every week's ranking."""
        return {week: RankingTask(period=week) for week in weeks_in(self.period)}

    def run(self) -> Generator[luigi.Task, luigi.Target, None]:
        """Write a few lines of text.

        Which report is needed shows only while this runs. ``yield`` asks for it: when it is not
        there, it is made first and ``run`` starts again, so whatever precedes ``yield`` is quick.
        """
        totals_of = {week: bicycles_in(target) for week, target in self.input().items()}
        if not totals_of:
            raise ValueError(f"{self.period} holds no whole week, Monday to Sunday.")
        busiest = max(totals_of, key=totals_of.__getitem__)
        self.set_status_message(f"{busiest} it is")
        report = yield ReportTask(period=busiest, metric="peak")
        with report.open("r") as stream:
            days = list(csv.DictReader(stream))
        with self.output().open("w") as out:
            out.write(f"busiest week of {self.period}: {busiest}, {totals_of[busiest]} bicycles\n")
            for counter in COUNTERS:
                best = max(days, key=lambda day: int(day[counter] or 0))
                out.write(f"{counter}: {best[counter]} in an hour on {best['day']}\n")


def bicycles_in(ranking: luigi.Target) -> int:
    """Return all bicycles of a ranking."""
    with ranking.open("r") as stream:
        return sum(int(row["bicycles"]) for row in csv.DictReader(stream))
