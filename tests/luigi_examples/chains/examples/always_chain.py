"""Tasks that are never complete, and what depends on them."""

import luigi
from luigi.contrib.simulate import RunAnywayTarget

from chains.examples.evidence import Noted, ran


class AlwaysTask(Noted):
    name = "always.txt"

    def complete(self):
        return False


class NotifyTask(luigi.Task):
    """No output, and it requires something that has one."""

    def requires(self):
        return AnywayTask()

    def run(self):
        ran(self)


class BundleTask(luigi.WrapperTask):
    """A wrapper that says it is never complete."""

    def requires(self):
        return AnywayTask()

    def complete(self):
        return False


class AnywayTask(luigi.Task):
    """Done once for each process of Luigi."""

    def output(self):
        return RunAnywayTarget(self)

    def run(self):
        ran(self)
        self.output().done()


class AfterTask(Noted):
    """Requires what is never complete: Luigi does not let it run."""

    name = "after.txt"

    def requires(self):
        return NotifyTask()
