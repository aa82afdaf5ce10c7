"""Each task with a patience of its own."""

import luigi

from chains.examples.evidence import Noted, folder, ran


class FlakyTask(Noted):
    """Fails twice, then does it."""

    who = luigi.Parameter()
    name = "flaky.txt"
    retry_count = 4

    def text(self):
        lines = (folder(self) / "ran").read_text().splitlines()
        if lines.count(self.task_id) < 3:
            raise RuntimeError("not yet")
        return "at last"


class FirmTask(Noted):
    name = "firm.txt"


class HopelessTask(luigi.Task):
    retry_count = 2

    def output(self):
        return luigi.LocalTarget(str(folder(self) / "never.txt"))

    def run(self):
        ran(self)
        raise RuntimeError("never")


class PatientTask(Noted):
    name = "patient.txt"

    def requires(self):
        return [FlakyTask("patient"), FirmTask()]


class BothTask(luigi.WrapperTask):
    def requires(self):
        return [FlakyTask("both"), HopelessTask()]


class TwiceTask(Noted):
    """Fails every other time, and is never complete."""

    name = "twice.txt"
    retry_count = 2

    def complete(self):
        return False

    def text(self):
        if len((folder(self) / "ran").read_text().splitlines()) % 2:
            raise RuntimeError("every other time")
        return "done"
