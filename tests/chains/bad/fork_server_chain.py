"""Tasks that kill what they were forked from, and one that has done nothing to anybody."""

import os
import signal
import time

import luigi
import psutil

from datanectar import NectarTask


class KillForkServerTask(NectarTask):
    """Kills its fork server each time, and before that, if it is told to, the fork server's watchdog.

    First it leaves a process of a session of its own, without the environment that would name it.
    """

    name = luigi.Parameter()
    gate = luigi.Parameter(significant=False)
    evidence = luigi.Parameter(significant=False)
    watchdog = luigi.BoolParameter(significant=False)

    def run(self):
        fork_server = psutil.Process(os.getppid())
        watchdog = fork_server.parent()
        self._leave_a_daemon()
        while not os.path.exists(self.gate):
            time.sleep(0.02)
        if self.watchdog and not os.path.exists(f"{self.evidence}.watchdog"):
            open(f"{self.evidence}.watchdog", "w").close()
            watchdog.suspend()
            fork_server.suspend()
            watchdog.send_signal(signal.SIGKILL)
        fork_server.send_signal(signal.SIGKILL)
        time.sleep(600)

    def _leave_a_daemon(self):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                environ = {k: v for k, v in os.environ.items() if k != "DATANECTAR_ATTEMPT_DIR"}
                with open(self.evidence, "a") as lines:
                    lines.write(f"{os.getpid()}\n")
                os.close(writing)
                os.execvpe("sleep", ["sleep", "600"], environ)
            os._exit(0)
        os.close(writing)
        os.wait()
        os.read(reading, 1)
        os.close(reading)


class InnocentTask(NectarTask):
    """Runs for a while and ends well."""

    name = luigi.Parameter()
    evidence = luigi.Parameter(significant=False)
    seconds = luigi.FloatParameter(default=1.5, significant=False)

    def run(self):
        with open(self.evidence, "a") as lines:
            lines.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        with self.output().open("w") as out:
            out.write("done\n")
