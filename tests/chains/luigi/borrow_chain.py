"""Builds on a task of another chain."""

import luigi

from chains.luigi.twin_a_chain import SameTask
from datanectar import NectarTask


class BorrowTask(NectarTask):
    """Passes on what the twin says."""

    name = luigi.Parameter()

    def requires(self):
        return SameTask(name=self.name)

    def run(self):
        with self.input().open() as twin, self.output().open("w") as out:
            out.write(f"borrowed from {twin.read()}")
