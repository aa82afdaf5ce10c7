"""Tasks whose keys are of interest."""

import datetime
import enum

import luigi

from datanectar import NectarTask


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class KeyedTask(NectarTask):
    """Writes its own key, and waits for nothing."""

    def run(self):
        with self.output().open("w") as out:
            out.write(str(self.key))


class TestS3Task(KeyedTask):
    """The one of the golden key, if it were in another chain."""


class HourlyTask(KeyedTask):
    """Made every hour."""

    frequency = "hour"


class OnceTask(KeyedTask):
    """Made once for all."""

    frequency = "once"


class OddFrequencyTask(KeyedTask):
    """Made when nobody knows."""

    frequency = "fortnight"


class VersionedTask(KeyedTask):
    """Its method has changed."""

    version = "2"
    name = luigi.Parameter(default="x")


class VersionedDailyTask(KeyedTask):
    """Its method has changed, and it has no parameter."""

    version = "2"


class OwnNamesTask(KeyedTask):
    """Has parameters that are called like our options; they are the author's."""

    version = luigi.IntParameter(default=7)
    width = luigi.IntParameter(default=300)
    workers = luigi.IntParameter(default=99, significant=False)
    frequency = luigi.Parameter(default="fortnight", significant=False)
    output_name = luigi.Parameter(default="what", significant=False)
    storage_name = luigi.Parameter(default="attic", significant=False)
    schedule = luigi.Parameter(default="never", significant=False)
    run_timeout = luigi.FloatParameter(default=0.001, significant=False)
    output_binary = luigi.BoolParameter(default=True, significant=False)
    key = luigi.Parameter(default="mine")

    def run(self):
        with self.output().open("w") as out:
            out.write(f"{self.version} {self.width} {self.key}")


class AddressTask(KeyedTask):
    """Its default has no stable text."""

    thing = luigi.Parameter(default=object())


class BareTask(KeyedTask):
    """Its parameter serialises to something that is no text."""

    class _Number(luigi.Parameter):
        def serialize(self, x):
            return 5

    a = luigi.Parameter(default="")
    b = luigi.Parameter(default="")
    c = luigi.Parameter(default="")
    number = _Number(default=5)  # the first three, Luigi itself would refuse


class ManyKindsTask(KeyedTask):
    """One parameter of each kind."""

    day = luigi.DateParameter(default=datetime.date(2020, 1, 2))
    interval = luigi.DateIntervalParameter(default=luigi.date_interval.Week(2020, 2))
    moment = luigi.DateSecondParameter(default=datetime.datetime(2020, 1, 2, 3, 4, 5))
    items = luigi.ListParameter(default=[1, "zwei", {"three": 3}])
    mapping = luigi.DictParameter(default={"b": 1, "a": 2})
    colour = luigi.EnumParameter(enum=Colour, default=Colour.GREEN)
    flag = luigi.BoolParameter(default=True)
    choice = luigi.ChoiceParameter(choices=["a", "b"], default="b")
    delta = luigi.TimeDeltaParameter(default=datetime.timedelta(minutes=5))
    maybe = luigi.OptionalParameter(default=None)
    number = luigi.FloatParameter(default=1.5)
    text = luigi.Parameter(default="ünï∂ 漢字 😀")
    hidden = luigi.Parameter(default="h", significant=False)


class MidnightLeafTask(KeyedTask):
    """Needed by a task that began the day before."""


class MidnightTask(KeyedTask):
    """Has no parameters and needs a task that has none."""

    def requires(self):
        return MidnightLeafTask()
