"""A chain that has things to do when its process ends."""

import atexit
import concurrent.futures
import logging.handlers
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import luigi

from datanectar import NectarTask

KEPT = tempfile.TemporaryDirectory()
BUFFER = logging.handlers.MemoryHandler(1000, target=logging.StreamHandler(sys.stderr))
BUFFER.flushOnClose = True


class ByeTask(NectarTask):
    """Leaves something to each way of ending."""

    place = luigi.Parameter(significant=False)
    name = luigi.Parameter(default="x")
    fail = luigi.BoolParameter()

    def run(self):
        place = Path(self.place)
        (place / "kept").write_text(KEPT.name)
        atexit.register(lambda: (place / "bye").write_text("bye"))
        atexit.register(print, "handlers are heard")
        self.log = logging.getLogger("buffered")
        self.log.addHandler(BUFFER)
        self.log.warning("buffered words")
        threading.Thread(target=self.late, args=[place]).start()
        pool = concurrent.futures.ThreadPoolExecutor(1)
        pool.submit(self.late, place)
        if self.fail:
            raise ValueError("no good")
        self.output().open("w").close()

    def late(self, place):
        time.sleep(0.2)
        with open(place / "late", "a") as late:
            late.write("late\n")


class HangTask(NectarTask):
    """Never ends by itself."""

    how = luigi.Parameter()

    def run(self):
        if self.how == "handler":
            atexit.register(time.sleep, 1000)
        elif self.how == "thread":
            threading.Thread(target=time.sleep, args=[1000]).start()
        elif self.how == "exit":
            atexit.register(os._exit, 7)
        else:
            atexit.register(sys.exit, "no good")
        self.output().open("w").close()
