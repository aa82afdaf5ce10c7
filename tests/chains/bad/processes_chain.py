"""Tasks that start processes and leave them behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import luigi

from datanectar import NectarTask

#: Puts its pid into the file, then sleeps for a long time.
_SLEEPER = 'echo $$ >> "$0"; exec sleep 600'


def start_sleeper(evidence, **options):
    return subprocess.Popen(["sh", "-c", _SLEEPER, evidence], **options)


def fork_into_the_background(do):
    """Run ``do`` in a daemon of the classical kind: two forks, a session of its own."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    do()
    os._exit(0)


def sleep_noted(evidence):
    with open(evidence, "a") as lines:
        lines.write(f"{os.getpid()}\n")
    time.sleep(600)


def nest(evidence, depth):
    """Start a daemon that starts a daemon, and so on; each in a session of its own."""
    if depth:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            nest(evidence, depth - 1)
        return sleep_noted(evidence)
    return sleep_noted(evidence)


class LeaveTask(NectarTask):
    """Starts four background processes and more, waits for them to live, and ends or waits."""

    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)
    end = luigi.Parameter(default="well", significant=False)
    count = 7

    def run(self):
        start_sleeper(self.evidence)
        start_sleeper(self.evidence, start_new_session=True)
        start_sleeper(self.evidence, process_group=0) if sys.version_info >= (3, 11) else (
            start_sleeper(self.evidence, preexec_fn=os.setpgrp)
        )
        fork_into_the_background(lambda: sleep_noted(self.evidence))
        fork_into_the_background(lambda: nest(self.evidence, 2))
        while self._living() < self.count:
            time.sleep(0.02)
        with open(self.evidence, "a") as lines:
            lines.write(f"{os.getpid()}\nready\n")
        if self.end == "wait":
            time.sleep(600)
        if self.end == "exit":
            os._exit(3)
        if self.end == "raise":
            raise ValueError("as told")
        with self.output().open("w") as out:
            out.write("left\n")

    def _living(self):
        try:
            return len(Path(self.evidence).read_text().splitlines())
        except FileNotFoundError:
            return 0


class LeaveApartTask(LeaveTask):
    """Does so in a process of its own within the run."""

    workers = 2


class HelperTask(NectarTask):
    """Relies on a daemon of its own, as Spark's or Dask's users do, for as long as it runs."""

    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)
    go = luigi.Parameter(significant=False)

    def run(self):
        fork_into_the_background(lambda: sleep_noted(self.evidence))
        while not os.path.exists(self.go):
            time.sleep(0.02)
        pid = int(Path(self.evidence).read_text())
        os.kill(pid, 0)
        with self.output().open("w") as out:
            out.write("my helper lives\n")


class WhoTask(NectarTask):
    """Tells what the process is like that it runs in."""

    name = luigi.Parameter()

    def run(self):
        names = ("SIGINT", "SIGTERM", "SIGCHLD", "SIGHUP", "SIGALRM", "SIGPIPE")
        handlers = {name: repr(signal.getsignal(getattr(signal, name))) for name in names}
        facts = {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "session": os.getsid(0),
            "modules": sorted(sys.modules),
            "main": getattr(sys.modules["__main__"], "__file__", None),
            "signals": handlers,
            "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))),
            "folder": os.getcwd(),
            "path": sys.path,
        }
        with self.output().open("w") as out:
            json.dump(facts, out)


def _one_ended_pipes():
    """Return the pipes whose other end another process has: the way to the run's parent."""
    pipes = {}
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISFIFO(status.st_mode):
            pipes.setdefault(status.st_ino, []).append(descriptor)
    return [descriptors[0] for descriptors in pipes.values() if len(descriptors) == 1]


class JunkReportTask(NectarTask):
    """Writes into every descriptor that it finds, as code gone wild does."""

    name = luigi.Parameter()

    def run(self):
        junk = [
            b"junk\n",
            b"[" * 100_000 + b"\n",
            b'["TaskReport", {"task_id": ["no", "text"]}]\n',
            b'["TaskReport", {"task_id": "x", "requires": 5, "started": "soon"}]\n',
            b'["Outcome", {"status": {"a": 1}}]\n',
            b'["Nothing", {}]\n',
            b"\xff\xfe\x00\n",
        ]
        for descriptor in _one_ended_pipes():
            for line in junk:
                os.write(descriptor, line)
        with self.output().open("w") as out:
            out.write("junk sent\n")
