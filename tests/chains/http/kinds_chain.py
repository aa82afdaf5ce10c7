"""One task for each kind of parameter that Luigi has; each writes its value's repr."""

import enum

import luigi
from luigi.parameter import (
    OptionalBoolParameter,
    OptionalChoiceParameter,
    OptionalDictParameter,
    OptionalFloatParameter,
    OptionalIntParameter,
    OptionalListParameter,
    OptionalNumericalParameter,
    OptionalParameter,
    OptionalPathParameter,
    OptionalStrParameter,
    OptionalTupleParameter,
    StrParameter,
)

from datanectar import NectarTask


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class KnownTask(luigi.Task):
    """What the task parameter names."""


class _Writes(NectarTask):
    def run(self):
        with self.output().open("w") as out:
            out.write(repr(self.value))


def _define(name, parameter):
    globals()[f"{name}Task"] = type(
        f"{name}Task", (_Writes,), {"value": parameter, "__module__": __name__}
    )


_define("Date", luigi.DateParameter())
_define("Month", luigi.MonthParameter())
_define("Year", luigi.YearParameter())
_define("DateHour", luigi.DateHourParameter())
_define("DateMinute", luigi.DateMinuteParameter())
_define("DateSecond", luigi.DateSecondParameter())
_define("DateInterval", luigi.DateIntervalParameter())
_define("TimeDelta", luigi.TimeDeltaParameter())
_define("List", luigi.ListParameter())
_define("Tuple", luigi.TupleParameter())
_define("Dict", luigi.DictParameter())
_define("Enum", luigi.EnumParameter(enum=Colour))
_define("EnumList", luigi.EnumListParameter(enum=Colour))
_define("Bool", luigi.BoolParameter())
_define("Choice", luigi.ChoiceParameter(choices=[1, 2, 3], var_type=int))
_define("ChoiceList", luigi.ChoiceListParameter(choices=["a", "b", "c"]))
_define("Int", luigi.IntParameter())
_define("Float", luigi.FloatParameter())
_define("Numerical", luigi.NumericalParameter(var_type=int, min_value=0, max_value=10))
_define("Path", luigi.PathParameter())
_define("Str", StrParameter())
_define("Plain", luigi.Parameter())
_define("Task", luigi.TaskParameter())
_define("Optional", OptionalParameter(default="d"))
_define("OptionalStr", OptionalStrParameter(default="d"))
_define("OptionalInt", OptionalIntParameter(default=1))
_define("OptionalFloat", OptionalFloatParameter(default=1.0))
_define("OptionalBool", OptionalBoolParameter(default=True))
_define("OptionalList", OptionalListParameter(default=[1]))
_define("OptionalDict", OptionalDictParameter(default={"a": 1}))
_define("OptionalTuple", OptionalTupleParameter(default=(1, 2)))
_define("OptionalPath", OptionalPathParameter(default="d"))
_define("OptionalChoice", OptionalChoiceParameter(choices=["a", "b"], default="a"))
_define(
    "OptionalNumerical",
    OptionalNumericalParameter(var_type=int, min_value=0, max_value=9, default=1),
)
_define("NoneInt", luigi.IntParameter(default=None))
_define("NonePlain", luigi.Parameter(default=None))
_define("NoneDate", luigi.DateParameter(default=None))
_define("NoneList", luigi.ListParameter(default=None))
_define("UnsortedDict", luigi.DictParameter(default={"b": 1, "a": 2}))
