"""A task without an output: it prints."""

import luigi

from chains.examples.evidence import ran


class HelloTask(luigi.Task):
    def run(self):
        ran(self)
        print("Hello, world!")


class QuietTask(luigi.Task):
    """Neither an output nor a ``run``."""
