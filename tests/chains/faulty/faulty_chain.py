"""Tasks that leave evidence each time they run: when, in which attempt, and whether alone.

The folder for it is named by the environment variable ``FAULTS_EVIDENCE``.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import luigi

from datanectar import NectarTask

LINES = 400


def body(task_id):
    """The one right content of a task's result: long, and with its own checksum at the end."""
    text = "".join(f"{number} {task_id}\n" for number in range(LINES))
    return f"{text}{hashlib.sha256(text.encode()).hexdigest()}\n"


def note(event, task_id):
    """Append one line to the evidence that all runs share."""
    line = {
        "event": event,
        "task": task_id,
        "attempt": Path(os.environ["DATANECTAR_ATTEMPT_DIR"]).name,
        "pid": os.getpid(),
        "at": time.time(),
    }
    with open(Path(os.environ["FAULTS_EVIDENCE"]) / "lines", "a") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        lines.write(json.dumps(line) + "\n")


@contextlib.contextmanager
def evidence(task):
    """Note start and end, and whether somebody else runs this task: the kernel drops a dead
    process's lock, so who holds it is alive.
    """
    with open(Path(os.environ["FAULTS_EVIDENCE"]) / f"{task.task_id}.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("overlap", task.task_id)
        note("start", task.task_id)
        yield
        note("end", task.task_id)


class WorkTask(NectarTask):
    """Takes so many seconds, and writes its result bit by bit meanwhile."""

    name = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0.0, significant=False)

    def run(self):
        with evidence(self), self.output().open("w") as out:
            lines = body(self.task_id).splitlines(keepends=True)
            for start in range(0, len(lines), 40):
                out.write("".join(lines[start : start + 40]))
                time.sleep(self.seconds / 10)


class FailTask(WorkTask):
    """Fails, always."""

    def run(self):
        with evidence(self):
            time.sleep(self.seconds)
            raise ValueError("this task always fails")


class BaseTask(WorkTask):
    """What several chains share."""


class MiddleTask(WorkTask):
    """One of three on the shared base."""

    base = luigi.Parameter()
    number = luigi.IntParameter()

    def requires(self):
        return BaseTask(name=self.base, seconds=self.seconds)


class TopTask(WorkTask):
    """Requires three tasks, which require one that other chains require as well."""

    base = luigi.Parameter()

    def requires(self):
        return [
            MiddleTask(name=self.name, base=self.base, number=n, seconds=self.seconds)
            for n in range(3)
        ]


class LitterTask(WorkTask):
    """Leaves processes behind: one in its group, one in a session of its own."""

    def run(self):
        for session in (False, True):
            subprocess.Popen(["sleep", "600"], start_new_session=session)
        super().run()


class KillerTask(WorkTask):
    """Ends its own process by a signal, every time."""

    signal = luigi.IntParameter(default=int(signal.SIGKILL), significant=False)

    def run(self):
        with evidence(self):
            time.sleep(self.seconds)
            os.kill(os.getpid(), self.signal)


class ExitTask(WorkTask):
    """Leaves without a word."""

    code = luigi.IntParameter(significant=False)

    def run(self):
        os._exit(self.code)


class HogTask(WorkTask):
    """Takes more memory than its control group has."""

    group = luigi.Parameter(significant=False)

    def run(self):
        Path(self.group, "cgroup.procs").write_text(str(os.getpid()))
        pieces = []
        while True:
            pieces.append(b"x" * (1 << 22))
