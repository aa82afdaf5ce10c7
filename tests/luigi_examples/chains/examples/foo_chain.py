"""A wrapper over ten equal tasks."""

import luigi

from chains.examples.evidence import Noted, folder


class BarTask(Noted):
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"bar{self.number}.txt"))


class FooTask(luigi.WrapperTask):
    def requires(self):
        for number in range(10):
            yield BarTask(number)
