"""Tasks with values that may not be seen."""

import luigi
from luigi.parameter import ParameterVisibility

from datanectar import NectarTask

PRIVATE, HIDDEN = ParameterVisibility.PRIVATE, ParameterVisibility.HIDDEN


class SecretTask(NectarTask):
    """Runs, or fails, with a token."""

    name = luigi.Parameter(default="x")
    token = luigi.Parameter(default="none", visibility=PRIVATE)
    door = luigi.Parameter(default="none", visibility=HIDDEN)
    number = luigi.IntParameter(default=1, visibility=PRIVATE)
    choice = luigi.ChoiceParameter(
        choices=["choice-a", "choice-b"], default="choice-a", visibility=PRIVATE
    )
    bad = luigi.BoolParameter()

    def run(self):
        print(self)
        if self.bad:
            raise ValueError("no good")
        with self.output().open("w") as out:
            out.write("x")


class PlainSecretTask(luigi.Task):
    """The same without a key."""

    path = luigi.Parameter()
    token = luigi.Parameter(default="none", visibility=PRIVATE)
    door = luigi.Parameter(default="none", visibility=HIDDEN)
    bad = luigi.BoolParameter()

    def output(self):
        return luigi.LocalTarget(self.path)

    def run(self):
        print(self)
        if self.bad:
            raise ValueError("no good")
        self.output().open("w").close()


class OneSecretTask(luigi.Task):
    """Has one parameter only, and it is private."""

    token = luigi.Parameter(visibility=PRIVATE)

    def run(self):
        raise ValueError("no good")


class LostSecretTask(luigi.ExternalTask):
    """Is not there."""

    token = luigi.Parameter(visibility=PRIVATE)

    def output(self):
        return luigi.LocalTarget("not-here")


class PickyTask(NectarTask):
    """Refuses what it is given, and repeats it."""

    token = luigi.Parameter(visibility=PRIVATE)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        raise ValueError(f"{self.token} is too short")
