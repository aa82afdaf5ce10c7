"""Every day, and every hour, of a span that is not made yet."""

import luigi
from luigi.tools.range import RangeDaily, RangeDailyBase, RangeHourly, RangeMonthly

from chains.examples.evidence import Noted, folder


class DailyTask(Noted):
    day = luigi.DateParameter()
    colour = luigi.Parameter(default="red")

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"day-{self.day}-{self.colour}.txt"))


class HourlyTask(Noted):
    hour = luigi.DateHourParameter()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"hour-{self.hour:%Y-%m-%dT%H}.txt"))


class MonthlyTask(Noted):
    month = luigi.MonthParameter()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"month-{self.month:%Y-%m}.txt"))


class SpanTask(luigi.WrapperTask):
    start = luigi.DateParameter()
    stop = luigi.DateParameter()

    def requires(self):
        yield RangeDaily(of=DailyTask, start=self.start, stop=self.stop)
        yield RangeDaily(
            of=DailyTask, start=self.start, stop=self.stop, of_params={"colour": "blue"}
        )


class HoursTask(luigi.WrapperTask):
    start = luigi.DateHourParameter()
    stop = luigi.DateHourParameter()

    def requires(self):
        return RangeHourly(of=HourlyTask, start=self.start, stop=self.stop)


class MonthsTask(luigi.WrapperTask):
    def requires(self):
        start, stop = (
            luigi.MonthParameter().parse("2026-01"),
            luigi.MonthParameter().parse("2026-03"),
        )
        return RangeMonthly(of=MonthlyTask, start=start, stop=stop, months_back=1200)


class EveryDayTask(RangeDailyBase):
    """A range as a root: ``of`` names the daily task."""
