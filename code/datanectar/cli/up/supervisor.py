"""``datanectar up``: luigid, the fork server, the web and a worker under one Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable

from datanectar.child_pool import FORK_SERVER_VARIABLE
from datanectar.cli.up import luigid_process
from datanectar.cli.up.banner import banner
from datanectar.cli.up.fork_server import SharedForkServer
from datanectar.cli.up.ports import answers, check_port
from datanectar.cli.up.process import ManagedProcess
from datanectar.errors import StartupError
from datanectar.forkserver.process_control import adopt_orphans, kill_and_reap_children
from datanectar.luigid import launch
from datanectar.permissions import private_file
from datanectar.settings import Settings

#: Seconds that a process may take to answer after it was started.
_START_LIMIT = 60.0
#: Seconds that a process gets to stop, beyond the workers' grace.
_STOP_LIMIT = 15.0


class Supervisor:
    """Starts the processes in order, restarts what dies, stops them in reverse.

    Args:
        settings: the settings in force.
        report: prints a line to the user.
        with_luigid: whether luigid is one of the processes; a luigid that runs already is used.
    """

    def __init__(
        self, settings: Settings, report: Callable[[str], None], *, with_luigid: bool
    ) -> None:
        self._settings = settings
        self._report = report
        self._with_luigid = with_luigid
        self._processes: list[ManagedProcess] = []
        self._stopping = False

    def run(self) -> None:
        """Run until SIGINT or SIGTERM.

        Raises:
            StartupError: when a port is taken, or a process can't be started.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        # What a run leaves behind, when its fork server was killed, becomes our child and ends here.
        adopt_orphans()
        try:
            self._claim_project()
            self._start()
            self._watch()
        except _Stopped:
            grace = f"{self._settings.grace:g} s"
            self._report(f"Stopping; running runs get {grace}, then wait for the next start.")
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        if not self._stopping:
            self._stopping = True
            raise _Stopped

    def _claim_project(self) -> None:
        """Lock the state folder: with two luigids over one state, a task could run twice."""
        lock = self._settings.state / "up.lock"
        private_file(lock)
        self._lock = lock.open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            self._lock.seek(0)
            raise StartupError(
                f"This project is up already (process {self._lock.read().strip() or 'unknown'}): "
                "stop that, or give this one a DATANECTAR_STATE of its own."
            ) from problem
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def _start(self) -> None:
        check_port(self._settings.host, self._settings.port, "DATANECTAR_PORT")
        if self._with_luigid:
            self._start_luigid()
        launch.publish_url(self._settings.state, self._settings.luigid_url)
        shared = self._start_fork_server()
        environ = {**os.environ, **self._settings.environ()}
        without_tokens = {**environ, "DATANECTAR_TOKENS": ""}
        for name, inherited in (("web", environ), ("worker", without_tokens)):
            command = [sys.executable, "-m", "datanectar", name]
            variables = {FORK_SERVER_VARIABLE: str(shared[0])} if shared else {}
            process = ManagedProcess(name, command, {**inherited, **variables}, sockets=shared)
            process.may_end = name == "worker"  # it has been drained
            self._begin(process)
        self._await("web", lambda: answers(f"{self._settings.app_url}/healthz"))

    def _start_luigid(self) -> None:
        self._settings, is_ours = luigid_process.place_luigid(self._settings, self._report)
        if is_ours:
            self._begin(luigid_process.luigid_process(self._settings))
            self._await("luigid", lambda: luigid_process.is_ready(self._settings))

    def _start_fork_server(self) -> tuple[int, ...]:
        """Start the shared fork server; return the socket that leads to it, or nothing.

        Outside Linux the web and the worker have a fork server each.
        """
        if sys.platform != "linux":
            return ()
        self._fork_server = SharedForkServer(self._settings)
        self._begin(self._fork_server.process)
        try:
            self._await("fork server", self._fork_server.is_ready)
        except StartupError as problem:
            hint = "Is every module in DATANECTAR_PRELOAD importable?"
            raise StartupError(f"{problem.message} {hint}") from problem
        return (self._fork_server.socket,)

    def _begin(self, process: ManagedProcess) -> None:
        self._processes.append(process)
        process.start()

    def _await(self, name: str, is_ready: Callable[[], bool]) -> None:
        process = next(each for each in self._processes if each.name == name)
        deadline = time.monotonic() + _START_LIMIT
        while not is_ready():
            if process.has_died():
                raise StartupError(
                    f"{name} did not start; the reason is above or in {self._settings.state}."
                )
            if time.monotonic() > deadline:
                raise StartupError(f"{name} does not answer after {_START_LIMIT:g} s.")
            time.sleep(0.05)

    def _watch(self) -> None:
        print(banner(self._settings), flush=True)
        while True:
            for process in self._processes.copy():
                if process.has_left():
                    self._processes.remove(process)
                    self._report(f"{process.name} has ended as told; the rest stays up.")
                elif process.has_died():
                    process.revive(self._report)
            kill_and_reap_children(
                keep=[each.process.pid for each in self._processes if each.process]
            )
            time.sleep(0.2)

    def _end(self) -> None:
        """Stop the web and the worker, then what the worker needs until its runs have ended."""
        limit = self._settings.grace + _STOP_LIMIT
        first = [each for each in self._processes if each.name in ("web", "worker")]
        for process in first:
            process.ask_to_stop()
        for process in [*first, *(each for each in self._processes if each not in first)]:
            process.stop(limit)
        if self._processes:  # else another one may be up here, and this one could not
            launch.withdraw_url(self._settings.state)
        kill_and_reap_children(keep=[])


class _Stopped(Exception):
    """Raised by the signal handler, so that the stop begins at once."""
