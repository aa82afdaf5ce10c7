"""What a chain can offer, for the tests of discovery."""

import enum
from datetime import date

import luigi
from luigi.parameter import ParameterVisibility

from chains.http.base import ImportedTask  # noqa: F401
from datanectar import NectarTask


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class OfferTask(NectarTask):
    """Offers one of each.

    And says more about it.
    """

    needed = luigi.IntParameter(description="how many")
    day = luigi.DateParameter(default=date(2026, 6, 3))
    colour = luigi.EnumParameter(enum=Colour, default=Colour.RED)
    size = luigi.ChoiceParameter(choices=["small", "large"], default="small")
    quiet = luigi.BoolParameter(default=True, significant=False)
    password = luigi.Parameter(default="hunter2", visibility=ParameterVisibility.PRIVATE)
    hidden = luigi.Parameter(default="hunter3", visibility=ParameterVisibility.HIDDEN)
    maybe = luigi.OptionalIntParameter(default=None)


class TodayTask(NectarTask):
    day = luigi.DateParameter(default=date.today())


class PlainTask(luigi.Task):
    """No base class of ours."""


class Helper(luigi.Task):
    """Is no *Task by name."""


class NoTask:
    """Is no task by nature."""


AliasTask = PlainTask


def make_task():
    """Is a function."""
