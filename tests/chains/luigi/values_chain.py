"""Defaults and required values that are not quite what their parameters' types read."""

import datetime

import luigi

from datanectar import NectarTask


class _Writes(NectarTask):
    def run(self):
        with self.output().open("w") as out:
            out.write(repr({name: getattr(self, name) for name in self.get_param_names()}))


class UntypedTask(_Writes):
    """Its defaults are no texts."""

    wipe = luigi.Parameter(default=False)
    rows = luigi.Parameter(default=3)
    names = luigi.Parameter(default=["a", "b"])
    maybe = luigi.Parameter(default=None)
    day = luigi.Parameter(default=datetime.date(2020, 1, 2))
    half = luigi.IntParameter(default=2.5)


class PriceTask(_Writes):
    """Its default is written as a whole number."""

    rate = luigi.FloatParameter(default=1)


class LevelTask(_Writes):
    """Likewise, and the other way round."""

    level = luigi.NumericalParameter(var_type=float, min_value=0, max_value=10, default=1)
    count = luigi.IntParameter(default=5.0)


class NumberTask(_Writes):
    """Has no type and no default."""

    number = luigi.Parameter()


class BillTask(_Writes):
    """Requires what a request may ask for with other spellings of equal values."""

    n = luigi.IntParameter(default=0)

    def requires(self):
        return [PriceTask(rate=2), NumberTask(number=5), UntypedTask()]


class DynamicTask(_Writes):
    """Needs as it runs what Luigi makes again from texts."""

    n = luigi.IntParameter(default=0)

    def run(self):
        yield [UntypedTask(rows=4), NumberTask(number=6), PriceTask(rate=3)]
        with self.output().open("w") as out:
            out.write(NumberTask(number=6).output().path)


class DynamicOnTwoTask(DynamicTask):
    """Likewise, in processes of their own."""

    workers = 2


class MomentTask(_Writes):
    """Its default is another each time."""

    moment = luigi.DateSecondParameter(default=datetime.datetime.now())
    label = luigi.Parameter(default=datetime.datetime.now().isoformat())
    plain = luigi.Parameter(default=datetime.datetime.now())
    several = luigi.Parameter(default=[datetime.datetime.now(), {"a": 1.5}, None, "x"])


class ThingTask(_Writes):
    """Its default can't be carried; what is given can."""

    thing = luigi.Parameter(default=object())


class HalfALetterTask(_Writes):
    """Its default is no text that a file could hold."""

    name = luigi.Parameter(default="\udce9")


class PlainWordsTask(luigi.Task):
    """A task of Luigi's own, with an object."""

    words = luigi.DictParameter()


class WordsTask(NectarTask):
    """A task with a key, with an object."""

    words = luigi.DictParameter()
