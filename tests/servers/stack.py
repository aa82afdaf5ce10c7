"""The whole service as real processes: luigid, the web and workers over one project folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import requests

from datanectar.child_pool import FORK_SERVER_VARIABLE, fork_server_spec
from datanectar.client import Client
from datanectar.errors import DatanectarError
from datanectar.luigid.access_token import read_token
from datanectar.luigid.client import Luigid
from datanectar.luigid.launch import CONFIGURATION
from datanectar.luigid.launch import command as luigid_command
from datanectar.runs.store import RunStore
from datanectar.settings import Settings, load
from tests.servers.processes import PATIENCE, descendants, free_port, is_running, responds, wait_for

#: The catalogue of small chains that most tests use: ``<type>/*_chain.py``.
CATALOGUE = Path(__file__).parent.parent / "chains"


@dataclass
class Stack:
    """luigid, the web and workers over one project folder, each a real process of its own.

    ``start_*`` waits until the process works; ``kill`` is SIGKILL; ``stop`` is SIGTERM. Extra
    settings go into ``environ`` before the processes are started.
    """

    project: Path
    environ: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    #: Names of the processes that share the fork server of :meth:`start_fork_server`, and the
    #: socket pair between them and it.
    sharing: tuple[str, ...] = ()
    sockets: tuple[socket.socket, socket.socket] | None = None

    def __post_init__(self) -> None:
        (self.project / "code" / "chains").mkdir(parents=True, exist_ok=True)
        self.port, self.luigid_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.luigid_url = f"http://127.0.0.1:{self.luigid_port}"
        self.client = Client(self.url)
        self.defaults = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.project),
            "DATANECTAR_PROJECT": str(self.project),
            "DATANECTAR_PORT": str(self.port),
            "DATANECTAR_LUIGID_URL": self.luigid_url,
            "DATANECTAR_WORKERS": "2",
            "DATANECTAR_RETRY_DELAY": "0.2",
            "DATANECTAR_GRACE": "2",
            "DATANECTAR_HEARTBEAT_TIMEOUT": "10",
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that the processes get."""
        return {**self.defaults, **self.environ}

    @property
    def settings(self) -> Settings:
        """The settings that the processes run with."""
        return load(self.environment)

    @cached_property
    def store(self) -> RunStore:
        """The run store; its tables are there once a process has started."""
        return RunStore(self.settings.database_url)

    def chain(self, place: str, source: str) -> None:
        """Write ``<type>/<name>_chain.py``; ``place`` is ``type/name_chain``."""
        file = self.project / "code" / "chains" / f"{place}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)

    # --- starting ----------------------------------------------------------------------------

    def start(self) -> Stack:
        """Start luigid, the web and one worker."""
        self.start_luigid()
        self.start_web()
        self.start_worker()
        return self

    def start_up(self) -> Stack:
        """Start ``datanectar up``, which starts and supervises all of them."""
        self.spawn_datanectar("up")
        self._wait_for_web("up")
        wait_for(self.worker_ids, "the worker is registered")
        return self

    def start_luigid(self) -> None:
        """Start luigid as ``datanectar up`` starts it."""
        self.settings.state.mkdir(parents=True, exist_ok=True)
        environ = {"LUIGI_CONFIG_PATH": str(CONFIGURATION)}
        self.spawn("luigid", luigid_command(self.settings), environ)
        self.wait_for_luigid()

    def start_plain_luigid(self, configuration: Path | str) -> None:
        """Start luigid as Luigi ships it, without a token, with a configuration file."""
        start = [sys.executable, "-c", "from luigi.cmdline import luigid; luigid()"]
        where = ["--address", "127.0.0.1", "--port", str(self.luigid_port)]
        state = ["--state-path", str(self.project / "luigid.pickle")]
        environ = {"LUIGI_CONFIG_PATH": str(configuration)}
        self.spawn("luigid", [*start, *where, *state], environ)
        self.wait_for_luigid()

    def start_fork_server(self, *sharing: str) -> None:
        """Start a fork server for these processes, as ``datanectar up`` does, or restart it."""
        self.sharing = sharing or self.sharing
        self.sockets = self.sockets or socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        its_end = self.sockets[1].fileno()
        spec = fork_server_spec(self.settings)
        command, environ = spec.command(its_end, shared=True), dict(spec.environ or {})
        self.spawn("fork server", command, environ, its_end)

    def start_web(self) -> None:
        self.spawn_datanectar("web")
        self._wait_for_web("web")

    def start_worker(self, name: str = "worker", **environ: str) -> None:
        """Start a worker under a name; returns once it is registered."""
        command = [sys.executable, "-m", "datanectar", "worker"]
        self.start_registered(name, command, environ)

    def start_registered(self, name: str, command: list[str], environ: dict[str, str]) -> None:
        """Spawn a process that is a worker; returns once it is registered."""
        before = self.worker_ids()
        self.spawn(name, command, environ)
        wait_for(
            lambda: self.is_alive(name) and self.worker_ids() - before, f"{name} is registered"
        )

    def spawn_datanectar(self, command: str) -> None:
        """Spawn ``datanectar <command>`` under the command's name; wait for nothing."""
        self.spawn(command, [sys.executable, "-m", "datanectar", command])

    def spawn(
        self, name: str, command: list[str], environ: dict[str, str] | None = None, *fds: int
    ) -> None:
        """Start a process under a name, with the stack's environment; wait for nothing.

        Args:
            name: the process's, in ``processes`` and for ``output``.
            command: the program and its arguments.
            environ: further variables.
            *fds: file descriptors that the process inherits.
        """
        environ = {**self.environment, **(environ or {})}
        if self.sockets and name in self.sharing:
            fds = (self.sockets[0].fileno(),)
            environ[FORK_SERVER_VARIABLE] = str(fds[0])
        with (self.project / f"{name}.out").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env=environ,
                pass_fds=fds,
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_alive(self, name: str) -> bool:
        """Return True; fail the test, with the process's output, when it has ended."""
        code = self.processes[name].poll()
        assert code is None, f"{name} ended with {code}: {self.output(name)[-2000:]}"
        return True

    def worker_ids(self) -> set[str]:
        """Return the ids of the workers that are registered in the run store."""
        try:
            return {worker.id for worker in self.store.workers()}
        except DatanectarError:
            return set()

    def _wait_for_web(self, name: str) -> None:
        wait_for(lambda: self.is_alive(name) and responds(f"{self.url}/healthz"), "the web is up")

    def wait_for_luigid(self) -> None:
        wait_for(lambda: self.is_alive("luigid") and responds(self.luigid_url), "luigid is up")

    # --- luigid ------------------------------------------------------------------------------

    @property
    def luigid(self) -> Luigid:
        """A client of this stack's luigid, with its token."""
        return Luigid(self.luigid_url, self.settings.state)

    @property
    def luigid_url_with_token(self) -> str:
        """The URL by which Luigi's own command may change something at this stack's luigid."""
        return self.luigid_url.replace("//", f"//run:{read_token(self.settings.state)}@")

    # --- watching and stopping -----------------------------------------------------------------

    def output(self, name: str) -> str:
        """Return what a process has printed."""
        return (self.project / f"{name}.out").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """SIGKILL a process, and that one alone."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a process a signal to stop; return its exit code."""
        self.processes[name].send_signal(number)
        return self.processes[name].wait(PATIENCE)

    def pids(self) -> list[int]:
        """Return the pids of all processes and their descendants."""
        own = [process.pid for process in self.processes.values() if process.poll() is None]
        return own + [pid for parent in own for pid in descendants(parent)]

    def close(self) -> None:
        """Stop everything; fail when a process is left over."""
        pids = self.pids()
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        for end in self.sockets or ():
            end.close()
        if "store" in vars(self):
            self.store.close()
        wait_for(lambda: not any(map(is_running, pids)), "no process is left over", 15)

    # --- the API -------------------------------------------------------------------------------

    def post(self, path: str, **options: object) -> requests.Response:
        """POST to ``/api/chains/<path>``."""
        return requests.post(f"{self.url}/api/chains/{path}", timeout=PATIENCE, **options)  # type: ignore[arg-type]

    def get(self, path: str, **options: object) -> requests.Response:
        """GET a path of the app."""
        return requests.get(f"{self.url}{path}", timeout=PATIENCE, **options)  # type: ignore[arg-type]

    def status(self, key: str) -> dict[str, object]:
        """Return the ``data`` of a key's chainstatus."""
        return self.client.status(key)

    def run(self, path: str, /, **parameters: object) -> dict[str, object]:
        """POST and return the status once it has ended."""
        key = str(self.client.post(path, **parameters)["key"])
        return self.ended(key)

    def ended(self, key: str, seconds: float = PATIENCE) -> dict[str, object]:
        """Return the status of a key once it is neither PENDING nor RUNNING."""

        def look() -> dict[str, object] | None:
            status = self.status(key)
            return None if status["job_status"] in ("PENDING", "RUNNING") else status

        return wait_for(look, f"{key} ends", seconds)  # type: ignore[return-value]

    def file(self, key: str, name: str = "out.txt") -> Path:
        """Return where a file of a key is in local mode."""
        return self.project / "local_targets" / key / name


def copy_catalogue(project: Path) -> None:
    """Copy the catalogue of small chains into a project."""
    shutil.copytree(CATALOGUE, project / "code" / "chains", dirs_exist_ok=True)
