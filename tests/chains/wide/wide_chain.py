"""A chain that asks for several workers, and tasks on a schedule."""

import os
import time

import luigi

from datanectar import NectarTask


class LeafTask(NectarTask):
    """Takes a moment, and leaves the id of the process that ran it."""

    name = luigi.Parameter()
    number = luigi.IntParameter()
    fail = luigi.BoolParameter(significant=False)

    def run(self):
        time.sleep(0.5)
        if self.fail and self.number == 0:
            raise ValueError("leaf 0 will not")
        with self.output().open("w") as out:
            out.write(str(os.getpid()))


class WideTask(NectarTask):
    """Needs six leaves, by three workers."""

    width = 3
    name = luigi.Parameter()
    fail = luigi.BoolParameter(significant=False)

    def requires(self):
        return [LeafTask(name=self.name, number=n, fail=self.fail) for n in range(6)]

    def run(self):
        pids = {target.open().read() for target in self.input()}
        with self.output().open("w") as out:
            out.write(" ".join(sorted(pids)))


class EveryMinuteTask(NectarTask):
    """Is due every minute."""

    schedule = "* * * * *"
    frequency = "hour"

    def run(self):
        with self.output().open("w") as out:
            out.write("on time\n")
