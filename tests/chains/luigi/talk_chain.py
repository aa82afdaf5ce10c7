"""Tasks that have much to say, by every channel there is."""

import ctypes
import os
import subprocess
import sys
import time

import luigi

from datanectar import NectarTask


class TalkTask(NectarTask):
    """Speaks by Python, by a subprocess and by a C library, and in an order."""

    name = luigi.Parameter()

    def run(self):
        print("1 print")
        print("2 stderr", file=sys.stderr)
        subprocess.run(["sh", "-c", "echo 3 subprocess; echo 4 its stderr >&2"], check=True)
        libc = ctypes.CDLL(None)
        libc.puts(b"5 puts")
        libc.printf(b"6 printf %d\n", ctypes.c_int(6))
        libc.fflush(None)
        os.write(1, b"7 write\n")
        print("8 again")
        with self.output().open("w") as out:
            out.write("talked\n")


class BufferedTask(NectarTask):
    """Leaves words in the buffer of the C library."""

    name = luigi.Parameter()

    def run(self):
        libc = ctypes.CDLL(None)
        libc.puts(f"in the buffer of {self.name}".encode())
        with self.output().open("w") as out:
            out.write("talked\n")


class TwoTalkTask(NectarTask):
    """Needs two that talk; each has a log of its own."""

    name = luigi.Parameter()

    def requires(self):
        return [BufferedTask(name=f"{self.name}{n}") for n in (1, 2)]

    def run(self):
        print(f"root {self.name}")
        with self.output().open("w") as out:
            out.write("talked\n")


class UnicodeTask(NectarTask):
    """Speaks in tongues, and in none."""

    name = luigi.Parameter()

    def run(self):
        print("ünï∂ 漢字 😀")
        print("half a surrogate: \udc80")
        os.write(1, bytes(range(256)) + b"\n")
        with self.output().open("w") as out:
            out.write("ünï∂ 漢字 😀\r\n")


class FloodTask(NectarTask):
    """Writes so many megabytes, and how much memory that took."""

    megabytes = luigi.IntParameter()

    def run(self):
        import resource

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        line = "x" * 1023
        for _ in range(self.megabytes * 1024):
            print(line)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with self.output().open("w") as out:
            out.write(f"{before} {after}\n")


class CloseTask(NectarTask):
    """Closes what it should not."""

    what = luigi.Parameter()

    def run(self):
        print("before")
        if self.what == "descriptors":
            os.close(1)
            os.close(2)
        if self.what == "streams":
            sys.stdout.close()
            sys.stderr.close()
        if self.what == "replaced":
            sys.stdout = sys.stderr = None
        with self.output().open("w") as out:
            out.write("closed\n")


class AfterCloseTask(NectarTask):
    """Speaks after one that closed everything."""

    what = luigi.Parameter()

    def requires(self):
        return CloseTask(what=self.what)

    def run(self):
        print("after the close")
        os.write(2, b"and by descriptor\n")
        with self.output().open("w") as out:
            out.write("spoken\n")


class SlowTalkTask(NectarTask):
    """Says a line, waits until it may go on, says another."""

    name = luigi.Parameter()
    go = luigi.Parameter(significant=False)
    end = luigi.Parameter(default="", significant=False)

    def run(self):
        print("first line")
        while not os.path.exists(self.go):
            time.sleep(0.02)
        print("second line")
        if self.end == "raise":
            raise ValueError("as told")
        if self.end == "kill":
            os.kill(os.getpid(), 9)
        with self.output().open("w") as out:
            out.write("spoken\n")


class ProgressTask(NectarTask):
    """Tells how far it is."""

    name = luigi.Parameter()
    go = luigi.Parameter(significant=False)

    def run(self):
        self.set_progress_percentage(40)
        self.set_status_message("forty " + "😀" * 400)
        self.set_tracking_url("http://127.0.0.1/where")
        while not os.path.exists(self.go):
            time.sleep(0.02)
        with self.output().open("w") as out:
            out.write("done\n")


class BabbleTask(NectarTask):
    """Sends long messages as fast as it can."""

    name = luigi.Parameter()

    def run(self):
        for n in range(40):
            self.set_status_message(f"{n} " + "😀" * 499)
        with self.output().open("w") as out:
            out.write("done\n")


class AllBabbleTask(luigi.WrapperTask):
    """Four at a time send long messages."""

    workers = 4
    name = luigi.Parameter()

    def requires(self):
        return [BabbleTask(name=f"{self.name}{n}") for n in range(4)]


class LongNamedTask(NectarTask):
    """Is one of many."""

    one = luigi.Parameter()
    two = luigi.Parameter(default="x" * 50)
    three = luigi.Parameter(default="y" * 50)

    def run(self):
        with self.output().open("w") as out:
            out.write("done\n")


class FanTask(NectarTask):
    """Needs many, and has much to say when it fails."""

    name = luigi.Parameter()

    def requires(self):
        return [LongNamedTask(one=f"{n}" + "z" * 50) for n in range(60)]

    def run(self):
        raise ValueError("😀" * 5000 + " at last")
