"""What the benchmarks of many small tasks run: a root, and its tasks beside or after each other."""

import time

import luigi

from datanectar import NectarTask


class LeafTask(NectarTask):
    """Sleeps, and writes its name."""

    name = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0.0)

    def run(self):
        if self.seconds:
            time.sleep(self.seconds)
        with self.output().open("w") as out:
            out.write(self.name)


class WideTask(LeafTask):
    """Requires many leaves, which run one at a time."""

    leaves = luigi.IntParameter()

    def requires(self):
        names = (f"{self.name}-{leaf}" for leaf in range(self.leaves))
        return [LeafTask(name=name, seconds=self.seconds) for name in names]

    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)


class WideByTwoTask(WideTask):
    """The same, two at a time."""

    workers = 2


class BusyTask(WideTask):
    """The same, eight at a time."""

    workers = 8


class RowTask(LeafTask):
    """Requires the task before it in the row."""

    place = luigi.IntParameter()

    def requires(self):
        return RowTask(name=self.name, place=self.place - 1) if self.place > 1 else []
