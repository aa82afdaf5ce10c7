"""What the benchmarks run: tasks that do next to nothing."""

import sys
import time

import luigi

from datanectar import NectarTask


class TrivialTask(NectarTask):
    """Writes its name."""

    name = luigi.Parameter()

    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)


class FanTask(NectarTask):
    """Requires many trivial tasks."""

    name = luigi.Parameter()
    leaves = luigi.IntParameter()

    def requires(self):
        return [TrivialTask(name=f"{self.name}-{leaf}") for leaf in range(self.leaves)]

    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)


class LoudTask(NectarTask):
    """Writes a log of so many bytes, and how many seconds that took as its result."""

    name = luigi.Parameter()
    megabytes = luigi.IntParameter()

    def run(self):
        block = (b"x" * 99 + b"\n") * 10_000
        began = time.perf_counter()
        for _ in range(self.megabytes):
            sys.stdout.buffer.write(block)
        sys.stdout.flush()
        with self.output().open("w") as out:
            out.write(str(time.perf_counter() - began))


class ClockTask(NectarTask):
    """Prints the time now and then."""

    name = luigi.Parameter()
    lines = luigi.IntParameter()

    def run(self):
        for _ in range(self.lines):
            print(time.time(), flush=True)
            time.sleep(0.3)
        with self.output().open("w") as out:
            out.write(self.name)
