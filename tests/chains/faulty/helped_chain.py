"""A wide chain whose leaves take long enough to be interrupted."""

import time

import luigi

from datanectar import NectarTask


class LongLeafTask(NectarTask):
    """Takes two seconds."""

    name = luigi.Parameter()
    number = luigi.IntParameter()

    def run(self):
        time.sleep(2)
        with self.output().open("w") as out:
            out.write("leaf\n")


class HelpedTask(NectarTask):
    """Needs four leaves, by two workers."""

    width = 2
    name = luigi.Parameter()

    def requires(self):
        return [LongLeafTask(name=self.name, number=number) for number in range(4)]

    def run(self):
        with self.output().open("w") as out:
            out.write("tree\n")
