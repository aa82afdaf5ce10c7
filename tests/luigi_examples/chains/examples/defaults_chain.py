"""Defaults that are no text, and parameters of every kind as they are read."""

import datetime
import enum

import luigi

from chains.examples.evidence import Noted


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class SweepTask(Noted):
    name = "sweep.txt"
    wipe = luigi.Parameter(default=False)
    rows = luigi.Parameter(default=3)
    names = luigi.Parameter(default=["a", "b"])
    day = luigi.Parameter(default=datetime.date(2026, 1, 2))
    rate = luigi.FloatParameter(default=1)
    nothing = luigi.Parameter(default=None)
    maybe = luigi.OptionalIntParameter(default=None)

    def text(self):
        values = self.wipe, self.rows, self.names, self.day, self.rate, self.nothing, self.maybe
        return repr(values)


class BelowTask(SweepTask):
    """The same below a root."""

    name = "above.txt"

    def requires(self):
        return SweepTask()


class KindsTask(Noted):
    name = "kinds.txt"
    text_ = luigi.Parameter(default="x")
    number = luigi.IntParameter(default=1)
    share = luigi.FloatParameter(default=0.5)
    flag = luigi.BoolParameter(default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    day = luigi.DateParameter(default=datetime.date(2026, 1, 1))
    hour = luigi.DateHourParameter(default=datetime.datetime(2026, 1, 1, 5))
    minute = luigi.DateMinuteParameter(default=datetime.datetime(2026, 1, 1, 5, 6))
    month = luigi.MonthParameter(default=datetime.date(2026, 1, 1))
    year = luigi.YearParameter(default=datetime.date(2026, 1, 1))
    period = luigi.DateIntervalParameter(default=None)
    span = luigi.TimeDeltaParameter(default=datetime.timedelta(hours=1))
    items = luigi.ListParameter(default=[1, "a"])
    pairs = luigi.TupleParameter(default=((1, 2), (3, 4)))
    words = luigi.DictParameter(default={"b": 1, "a": [2]})
    colour = luigi.EnumParameter(enum=Colour, default=Colour.RED)
    colours = luigi.EnumListParameter(enum=Colour, default=(Colour.RED,))
    choice = luigi.ChoiceParameter(choices=["one", "two"], default="one")
    level = luigi.NumericalParameter(var_type=int, min_value=0, max_value=9, default=3)
    maybe = luigi.OptionalParameter(default="y")
    hidden = luigi.Parameter(default="h", significant=False)

    def text(self):
        return "".join(f"{name}: {value!r}\n" for name, value in self.param_kwargs.items())
