"""A result that is named after the task's id."""

import luigi

from chains.examples.evidence import Noted, folder


class LoadTask(Noted):
    table = luigi.Parameter(default="fruit")

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"{self.task_id}.loaded"))
