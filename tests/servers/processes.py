"""Real processes for tests: started on free ports, waited for by their answers, never left over."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests

from datanectar.child_pool import FORK_SERVER_VARIABLE, fork_server_spec
from datanectar.client import Client
from datanectar.luigid.client import Luigid, read_token
from datanectar.settings import Settings, load

#: Seconds that a part may take to come up, or a condition to come true, on a busy machine.
PATIENCE = 60.0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
    """Return the condition's first true value; fail the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below ``pid``, itself excluded."""
    import psutil

    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answers(url: str) -> bool:
    """Tell whether an HTTP server answers at ``url`` without a server error."""
    try:
        return requests.head(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


@dataclass
class Stack:
    """luigid, the web and workers over one project folder, each a real process of its own.

    ``start_*`` waits until the part works; ``kill`` is SIGKILL; ``stop`` asks politely. Extra
    settings go into ``environ`` before the parts are started.
    """

    project: Path
    environ: dict[str, str] = field(default_factory=dict)
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    #: Who come to the fork server that is started by itself, and the two ends of where they do.
    sharers: tuple[str, ...] = ()
    door: tuple[socket.socket, socket.socket] | None = None

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
    def settings(self) -> Settings:
        """The settings that the parts run with."""
        return load({**self.defaults, **self.environ})

    def chain(self, place: str, source: str) -> None:
        """Write ``<type>/<name>_chain.py``; ``place`` is ``type/name_chain``."""
        file = self.project / "code" / "chains" / f"{place}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)

    def start(self) -> Stack:
        """Start luigid, the web and one worker."""
        self.start_luigid()
        self.start_web()
        self.start_worker()
        return self

    def start_up(self) -> Stack:
        """Start ``datanectar up``, which starts and minds all of them."""
        self._begin("up", [sys.executable, "-m", "datanectar", "up"])
        wait_for(lambda: self._up("up") and answers(f"{self.url}/healthz"), "the web answers")
        wait_for(self._workers, "the worker is registered")
        return self

    def start_luigid(self) -> None:
        from datanectar.luigid import client as luigid

        self.settings.state.mkdir(parents=True, exist_ok=True)
        environ = {"LUIGI_CONFIG_PATH": str(luigid.CONFIGURATION)}
        self._begin("luigid", luigid.command(self.settings), environ)
        wait_for(lambda: answers(self.luigid_url), "luigid answers")

    def start_luigis_own(self, configuration: Path | str) -> None:
        """Start luigid as Luigi ships it, without a token, with a configuration file."""
        start = [sys.executable, "-c", "from luigi.cmdline import luigid; luigid()"]
        where = ["--address", "127.0.0.1", "--port", str(self.luigid_port)]
        state = ["--state-path", str(self.project / "luigid.pickle")]
        environ = {"LUIGI_CONFIG_PATH": str(configuration)}
        self._begin("luigid", [*start, *where, *state], environ)
        wait_for(lambda: answers(self.luigid_url), "luigid answers")

    @property
    def luigid_door(self) -> str:
        """The URL by which Luigi's own command may tell this stack's luigid something."""
        return self.luigid_url.replace("//", f"//run:{read_token(self.settings.state)}@")

    @property
    def luigid(self) -> Luigid:
        """The luigid of this stack, with the token that it asks for."""
        return Luigid(self.luigid_url, self.settings.state)

    def start_fork_server(self, *sharers: str) -> None:
        """Start a fork server for these parts, as ``datanectar up`` does, or once more for the same."""
        self.sharers = sharers or self.sharers
        self.door = self.door or socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs = self.door[1].fileno()
        spec = fork_server_spec(self.settings)
        command, environ = spec.command(theirs, shared=True), dict(spec.environ or {})
        self._begin("fork server", command, environ, theirs)

    def start_web(self) -> None:
        self._begin("web", [sys.executable, "-m", "datanectar", "web"])
        wait_for(lambda: self._up("web") and answers(f"{self.url}/healthz"), "the web answers")

    def start_worker(self, name: str = "worker", **environ: str) -> None:
        """Start a worker under a name; returns once it is registered."""
        before = self._workers()
        self._begin(name, [sys.executable, "-m", "datanectar", "worker"], environ)
        wait_for(lambda: self._up(name) and self._workers() - before, f"{name} is registered")

    def _workers(self) -> set[str]:
        from datanectar.errors import DatanectarError
        from datanectar.runs.store import RunStore

        try:
            return {worker.id for worker in RunStore(self.settings.database_url).workers()}
        except DatanectarError:
            return set()

    def _begin(
        self, name: str, command: list[str], environ: dict[str, str] | None = None, *sockets: int
    ) -> None:
        environ = {**self.defaults, **self.environ, **(environ or {})}
        if self.door and name in self.sharers:
            sockets = (self.door[0].fileno(),)
            environ[FORK_SERVER_VARIABLE] = str(sockets[0])
        log = (self.project / f"{name}.out").open("ab")
        self.parts[name] = subprocess.Popen(
            command,
            env=environ,
            pass_fds=sockets,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()

    def _up(self, name: str) -> bool:
        code = self.parts[name].poll()
        assert code is None, f"{name} ended with {code}: {self.output(name)[-2000:]}"
        return True

    def output(self, name: str) -> str:
        """Return what a part has printed."""
        return (self.project / f"{name}.out").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """SIGKILL a part, and that one process alone."""
        self.parts[name].send_signal(signal.SIGKILL)
        self.parts[name].wait()

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask a part to stop; return its exit code."""
        self.parts[name].send_signal(number)
        return self.parts[name].wait(PATIENCE)

    def pids(self) -> list[int]:
        """Return the pids of all processes of all parts."""
        mine = [part.pid for part in self.parts.values() if part.poll() is None]
        return mine + [pid for one in mine for pid in descendants(one)]

    def close(self) -> None:
        """Stop everything; fail when a process stays behind."""
        pids = self.pids()
        for name in reversed(self.parts):
            if self.parts[name].poll() is None:
                self.parts[name].terminate()
        for part in self.parts.values():
            try:
                part.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                part.kill()
                part.wait()
                raise
        for end in self.door or ():
            end.close()
        wait_for(lambda: not any(map(is_running, pids)), "no process is left over", 15)

    # --- the API, shortly --------------------------------------------------------------------

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
