"""A task below the root fails; what needs nothing of it is made."""

import luigi

from chains.examples.evidence import Noted, folder, ran


class GoodTask(Noted):
    name = "good.txt"


class BadTask(luigi.Task):
    def output(self):
        return luigi.LocalTarget(str(folder(self) / "bad.txt"))

    def run(self):
        ran(self)
        with self.output().open("w") as out:
            out.write("half")
            raise ValueError("no second half")


class JoinTask(Noted):
    def requires(self):
        return [GoodTask(), BadTask()]


class BrokenRequiresTask(Noted):
    def requires(self):
        raise LookupError("what do I require?")


class BrokenCompleteTask(Noted):
    def complete(self):
        raise LookupError("am I complete?")
