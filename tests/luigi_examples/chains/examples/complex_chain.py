"""A graph in which tasks share what they require."""

import luigi

from chains.examples.evidence import Noted, folder


class NodeTask(Noted):
    depth = luigi.IntParameter(default=3)
    number = luigi.IntParameter(default=5)

    def requires(self):
        if self.depth:
            below = {self.number // 2, self.number * 3 % 7, self.number % 3}
            return [NodeTask(self.depth - 1, number) for number in sorted(below)]
        return []

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"{self.depth}-{self.number}.txt"))

    def text(self):
        return f"{self.number}: " + " ".join(one.open().read() for one in self.input())


class GraphTask(luigi.WrapperTask):
    def requires(self):
        return [NodeTask(), NodeTask(number=6)]
