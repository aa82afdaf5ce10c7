"""The benchmarks' chain as Luigi alone has it: plain tasks, Luigi's own targets."""

from __future__ import annotations

import luigi


class TrivialTask(luigi.Task):
    """Writes its name."""

    name = luigi.Parameter()
    folder = luigi.Parameter()

    def output(self) -> luigi.LocalTarget:
        """Return the file."""
        return luigi.LocalTarget(f"{self.folder}/{self.name}/out.txt")

    def run(self) -> None:
        """Write it."""
        with self.output().open("w") as out:
            out.write(self.name)


class FanTask(TrivialTask):
    """Requires many trivial tasks."""

    leaves = luigi.IntParameter()

    def requires(self) -> list[luigi.Task]:
        """Return them."""
        names = [f"{self.name}-{leaf}" for leaf in range(self.leaves)]
        return [TrivialTask(name=name, folder=self.folder) for name in names]
