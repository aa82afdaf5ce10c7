"""Three tasks, each of which requires the one before."""

import luigi

from datanectar import NectarTask


class ReadTask(NectarTask):
    name = luigi.Parameter()

    def run(self):
        self.save(self.name)


class CountTask(NectarTask):
    name = luigi.Parameter()

    def requires(self):
        return ReadTask(name=self.name)

    def run(self):
        self.save(str(len(self.load(self.input()))))


class ReportTask(NectarTask):
    name = luigi.Parameter()

    def requires(self):
        return CountTask(name=self.name)

    def run(self):
        self.save(f"{self.load(self.input())} letters")
