"""Tasks that fail, each in a way of its own."""

import ctypes
import os
import resource
import signal
import time

import luigi

from datanectar import NectarTask


def note(evidence, line):
    with open(evidence, "a") as lines:
        lines.write(f"{line}\n")


class GoodTask(NectarTask):
    """Works; notes that it did."""

    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)

    def run(self):
        note(self.evidence, f"good {self.name}")
        with self.output().open("w") as out:
            out.write("good\n")


class RunRaisesTask(NectarTask):
    """Raises while it runs, unless a file says that it may not."""

    name = luigi.Parameter()
    cure = luigi.Parameter(default="", significant=False)
    evidence = luigi.Parameter(default="", significant=False)

    def requires(self):
        return GoodTask(name=self.name, evidence=self.evidence) if self.evidence else []

    def run(self):
        print("about to raise")
        if self.evidence:
            note(self.evidence, f"try {self.name}")
        if not (self.cure and os.path.exists(self.cure)):
            raise ValueError(f"no good: {self.name}")
        with self.output().open("w") as out:
            out.write("cured\n")


class NeedsBadTask(NectarTask):
    """Needs a task that raises."""

    name = luigi.Parameter()
    cure = luigi.Parameter(default="", significant=False)
    evidence = luigi.Parameter(default="", significant=False)

    def requires(self):
        return RunRaisesTask(name=self.name, cure=self.cure, evidence=self.evidence)

    def run(self):
        if self.evidence:
            note(self.evidence, f"root {self.name}")
        with self.output().open("w") as out:
            out.write("at last\n")


class RequiresRaisesTask(NectarTask):
    """Can't say what it needs."""

    name = luigi.Parameter()

    def requires(self):
        raise LookupError(f"what does {self.name} need?")


class NeedsLostTask(NectarTask):
    """Needs a task that can't say what it needs."""

    name = luigi.Parameter()

    def requires(self):
        return RequiresRaisesTask(name=self.name)

    def run(self):
        raise AssertionError("not to be reached")


class CompleteRaisesTask(NectarTask):
    """Can't say whether it is done."""

    name = luigi.Parameter()

    def complete(self):
        raise ConnectionError(f"is {self.name} done?")


class NoOutputTask(NectarTask):
    """Writes nothing."""

    name = luigi.Parameter()

    def run(self):
        print("all done, or so I say")


class InterruptTask(NectarTask):
    """Raises what Ctrl-C raises."""

    name = luigi.Parameter()

    def run(self):
        raise KeyboardInterrupt


class SystemExitTask(NectarTask):
    """Leaves as a script does."""

    name = luigi.Parameter()

    def run(self):
        raise SystemExit(0)


class DieTask(NectarTask):
    """Ends its own process."""

    how = luigi.Parameter()
    evidence = luigi.Parameter(default="", significant=False)

    def run(self):
        print(f"dying by {self.how}")
        if self.evidence:
            note(self.evidence, "die")
        if self.how.startswith("exit"):
            os._exit(int(self.how[4:]))
        if self.how == "segfault":
            ctypes.string_at(0)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "memory":
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            bytearray(4 << 30)


class DieApartTask(DieTask):
    """Ends its own process, which is not the one of its run."""

    workers = 2


class LoopTask(NectarTask):
    """Never ends by itself."""

    name = luigi.Parameter()
    run_timeout = 1.0

    def run(self):
        print("looping")
        while True:
            time.sleep(0.01)


class LoopInRequiresTask(NectarTask):
    """Never comes to run."""

    name = luigi.Parameter()
    run_timeout = 1.0

    def requires(self):
        print("what do I need?")
        while True:
            time.sleep(0.01)


class StubbornTask(NectarTask):
    """Has a time limit of its own, and does not want to hear of it."""

    name = luigi.Parameter()
    worker_timeout = 1

    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("looping")
        while True:
            time.sleep(0.01)


class FlakyTask(NectarTask):
    """Works at the third try."""

    retry_count = 3
    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)
    good_at = luigi.IntParameter(default=3, significant=False)

    def run(self):
        note(self.evidence, f"try {self.name}")
        with open(self.evidence) as lines:
            tries = len(lines.readlines())
        print(f"try {tries}")
        if tries < self.good_at:
            raise ValueError(f"try {tries} failed")
        with self.output().open("w") as out:
            out.write(f"tried {tries} times\n")
