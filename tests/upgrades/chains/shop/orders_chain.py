"""A chain that every version since 1.0 can run. ``SHOP_FOLDER`` is where its tasks say what they do."""

import fcntl
import json
import os
import time
from pathlib import Path

import luigi

from datanectar import NectarTask

FOLDER = Path(os.environ["SHOP_FOLDER"])


def note(event, task):
    """Append a line to what all runs share."""
    with open(FOLDER / "lines", "a") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        lines.write(json.dumps([event, task.task_id]) + "\n")


class OrderTask(NectarTask):
    """Takes so many seconds; with ``held`` it waits until the file ``gate`` is there."""

    name = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0.0, significant=False)
    held = luigi.BoolParameter(default=False, significant=False)

    def run(self):
        with open(FOLDER / f"{self.task_id}.lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note("overlap", self)
            note("start", self)
            time.sleep(self.seconds)
            while self.held and not (FOLDER / "gate").exists():
                time.sleep(0.05)
            with self.output().open("w") as out:
                out.write(f"order {self.name}\n")
            note("end", self)


class ReportTask(NectarTask):
    """Requires an order."""

    name = luigi.Parameter()

    def requires(self):
        return OrderTask(name=f"{self.name} of the report")

    def run(self):
        with self.input().open() as order, self.output().open("w") as out:
            out.write(order.read() * 2)


class RefusedTask(NectarTask):
    """Fails, always."""

    name = luigi.Parameter()

    def run(self):
        raise ValueError(f"{self.name} is refused")
