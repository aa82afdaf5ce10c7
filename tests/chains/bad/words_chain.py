"""Tasks whose words to their parent are wrong, or are about what is not theirs."""

import json
import os
import stat
import time

import luigi

from datanectar import NectarTask


def _way_to_parent():
    """Return the descriptors of pipes whose other end another process has."""
    pipes = {}
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISFIFO(status.st_mode):
            pipes.setdefault(status.st_ino, []).append(descriptor)
    return [descriptors[0] for descriptors in pipes.values() if len(descriptors) == 1]


class ProgressTask(NectarTask):
    """Sets a progress that is none, goes on, and ends well."""

    progress = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)

    def run(self):
        with open(self.evidence, "a") as lines:
            lines.write(f"{os.getpid()}\n")
        self.set_progress_percentage(eval(self.progress))
        time.sleep(1)
        with self.output().open("w") as out:
            out.write("done\n")


class ForgeTask(NectarTask):
    """Sends reports of its own making, then fails or ends well."""

    name = luigi.Parameter()
    reports = luigi.ListParameter(significant=False)
    times = luigi.IntParameter(default=1, significant=False)
    fail = luigi.BoolParameter(significant=False)

    def run(self):
        for number in range(self.times):
            lines = "".join(
                json.dumps(["TaskReport", dict(report)]).replace("NUMBER", str(number)) + "\n"
                for report in self.reports
            )
            for descriptor in _way_to_parent():
                os.write(descriptor, lines.encode())
        if self.fail:
            raise ValueError("as it was told")
        with self.output().open("w") as out:
            out.write("done\n")


class VictimTask(NectarTask):
    """Does its work."""

    name = luigi.Parameter()

    def run(self):
        with self.output().open("w") as out:
            out.write("whole\n")
