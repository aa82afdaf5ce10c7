"""Has a task that its twin has too, name, parameters and all."""

import luigi

from datanectar import NectarTask


class SameTask(NectarTask):
    """Says which of the twins it is of."""

    name = luigi.Parameter()

    def run(self):
        with self.output().open("w") as out:
            out.write("twin a\n")
