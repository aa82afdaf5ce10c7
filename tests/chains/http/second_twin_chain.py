"""Has a task that another chain of the type has too."""

import luigi

from datanectar import NectarTask


class TwinTask(NectarTask):
    name = luigi.Parameter(default="second")

    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)
