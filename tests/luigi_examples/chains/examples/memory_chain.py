"""A target that is kept in memory."""

import luigi
from luigi.mock import MockTarget

from chains.examples.evidence import Noted, ran


class ThinkTask(luigi.Task):
    def output(self):
        return MockTarget("examples-thought")

    def run(self):
        ran(self)
        with self.output().open("w") as out:
            out.write("thought")


class SayTask(Noted):
    def requires(self):
        return ThinkTask()

    def text(self):
        return self.input().open("r").read()
