"""Tasks that wait, and one that requires many of them."""

import time

import luigi

from datanectar import NectarTask


class SleepTask(NectarTask):
    name = luigi.Parameter()
    seconds = luigi.FloatParameter()

    def run(self):
        time.sleep(self.seconds)
        with self.output().open("w") as out:
            out.write(self.name)


class SleepersTask(NectarTask):
    name = luigi.Parameter()
    tasks = luigi.IntParameter()
    seconds = luigi.FloatParameter()

    def requires(self):
        names = (f"{self.name}-{number}" for number in range(self.tasks))
        return [SleepTask(name=name, seconds=self.seconds) for name in names]

    def run(self):
        with self.output().open("w") as out:
            out.write(str(self.tasks))
