"""``datanectar up``: luigid, the web and a worker under one Ctrl-C."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from datanectar.catalog.files import chain_path
from datanectar.child_pool import FORK_SERVER_VARIABLE, fork_server_spec
from datanectar.errors import SchedulerError, StartupError
from datanectar.forkserver.process_control import adopt_orphans, kill_and_reap_children
from datanectar.luigid import launch
from datanectar.luigid.access_token import drop_token
from datanectar.luigid.address import host_and_port, url_of
from datanectar.luigid.client import Luigid
from datanectar.permissions import private_file
from datanectar.settings import Settings, is_configured, is_loopback

#: Seconds that a part may take to answer after it was started.
_START_LIMIT = 60.0
#: A part that lives shorter than this, in seconds, counts as failing to start.
_SHORT_LIFE = 5.0
#: Seconds before a part that died is started again: at first, and at most, after many short lives
#: (the database may be away; it will be back).
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0
#: So many short lives count at most: by then the pause is the longest.
_COUNTED_LIVES = 10
#: Seconds that a part gets to stop, beyond the workers' grace.
_STOP_LIMIT = 15.0
#: The task that the banner runs, where the project has it.
_EXAMPLE = ("testchains", "hello_luigiworld_chain", "DownstreamTask")
_LUIGID_URL = "DATANECTAR_LUIGID_URL"
#: Addresses that one can listen on and not call.
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
#: What luigid may see of the environment: what Python needs, and nobody's secrets.
_SEEN = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_SEEN_BEGINNINGS = ("LC_", "PYTHON", "COVERAGE_")


#: What luigid says and keeps is its owner's alone.
_PRIVATELY = 'umask 077; exec "$@" >>"$0" 2>&1'


@dataclass
class Part:
    """One process under the supervisor."""

    name: str
    command: list[str]
    environ: dict[str, str]
    folder: str | None = None
    sockets: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    begun: float = 0.0
    short_lives: int = 0
    restart_at: float | None = None

    def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C reaches the supervisor alone."""
        self.begun = time.monotonic()
        self.restart_at = None
        self.process = subprocess.Popen(
            self.command,
            env={**self.environ, "DATANECTAR_SUPERVISED": str(os.getpid())},
            cwd=self.folder,
            pass_fds=self.sockets,
            start_new_session=True,
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM; does not wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def has_died(self) -> bool:
        """Tell whether the process has ended by itself."""
        return self.process is not None and self.process.poll() is not None


class Supervisor:
    """Starts the parts in order, restarts what dies, stops them in reverse.

    Args:
        settings: the settings in force.
        say: prints a line to the user.
        with_luigid: whether luigid is one of the parts; a luigid that runs already is used.
    """

    def __init__(
        self, settings: Settings, say: Callable[[str], None], *, with_luigid: bool
    ) -> None:
        self._settings = settings
        self._say = say
        self._with_luigid = with_luigid
        self._parts: list[Part] = []
        self._stopping = False

    def run(self) -> None:
        """Run until SIGINT or SIGTERM.

        Raises:
            StartupError: when a port is taken, or a part can't be started.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        # What a run left behind whose fork server and guard were killed comes here, and ends here.
        adopt_orphans()
        try:
            self._claim_project()
            self._start()
            self._watch()
        except _Stopped:
            grace = f"{self._settings.grace:g} s"
            self._say(f"Stopping; running runs get {grace}, then wait for the next start.")
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        if not self._stopping:
            self._stopping = True
            raise _Stopped

    def _claim_project(self) -> None:
        """Be the only one that is up over this state: two luigids would let a task run twice."""
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
        environ = {**os.environ, **self._settings.environ()}
        without_tokens = {**environ, "DATANECTAR_TOKENS": ""}
        sockets: tuple[int, ...] = ()
        if sys.platform == "linux":  # elsewhere they have one each: more was not tried
            sockets = (self._start_fork_server(),)
        # Only the web asks for tokens.
        for name, told in (("web", environ), ("worker", without_tokens)):
            command = [sys.executable, "-m", "datanectar", name]
            shared = {FORK_SERVER_VARIABLE: str(sockets[0])} if sockets else {}
            self._begin(Part(name, command, {**told, **shared}, sockets=sockets))
        self._await("web", lambda: _answers(f"{self.url}/healthz"))

    @property
    def url(self) -> str:
        """The app's address on this machine."""
        return self._settings.app_url

    def _start_luigid(self) -> None:
        """Start luigid, or use the one that runs where the settings say on purpose."""
        url = self._settings.luigid_url
        host, port = host_and_port(url)
        given = is_configured(_LUIGID_URL)
        if given and self._uses_luigid_of(url):
            return
        if not is_loopback(host):
            raise StartupError(
                f"{_LUIGID_URL} is {url}, and no luigid answers there. `datanectar up` starts luigid "
                "on loopback only: start one there, or leave the setting out."
            )
        if given or _is_free(host, port):
            check_port(host, port, _LUIGID_URL)
        else:
            url = url_of(host, free_port(host))
            self._say(f"Port {port} is taken; this project's luigid is at {url}.")
            self._settings = dataclasses.replace(self._settings, luigid_url=url)
        self._begin_luigid()

    def _uses_luigid_of(self, url: str) -> bool:
        """Tell whether a luigid runs at an address that was given on purpose, and is to be used.

        Raises:
            StartupError: when something else runs there, or the luigid of another project.
        """
        there = Luigid(url, self._settings.state)
        host, _ = host_and_port(url)
        try:
            if host in _EVERYWHERE or not there.check():
                return False
        except SchedulerError as problem:
            raise StartupError(problem.message) from problem
        if not there.accepts_changes():
            raise StartupError(
                f"luigid at {there.url} is another project's and takes no word without its token: "
                f"leave {_LUIGID_URL} out, and this project starts its own."
            )
        if Luigid(url).accepts_changes():
            drop_token(self._settings.state)  # it needs none, and is not to see ours
        self._say(f"luigid runs already at {there.url}; using it.")
        return True

    def _begin_luigid(self) -> None:
        environ = {name: value for name, value in os.environ.items() if _may_see(name)}
        environ["LUIGI_CONFIG_PATH"] = str(launch.CONFIGURATION)
        log = self._settings.state / "luigid.log"
        command = launch.command(self._settings)
        self._begin(Part("luigid", ["sh", "-c", _PRIVATELY, str(log), *command], environ))
        started = Luigid(self._settings.luigid_url, self._settings.state)
        self._await("luigid", lambda: started.is_up() and started.accepts_changes())

    def _start_fork_server(self) -> int:
        """Start the fork server that web and worker share; return the descriptor on which to join it.

        Both ends stay open here: a fork server that has died is started again on the same socket.
        """
        self._fork_server_sockets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours, theirs = (end.fileno() for end in self._fork_server_sockets)
        spec = fork_server_spec(self._settings)
        command, environ = spec.command(theirs, shared=True), dict(spec.environ or {})
        self._begin(Part("fork server", command, environ, spec.folder, (theirs,)))
        try:
            self._await("fork server", lambda: bool(select.select([ours], [], [], 0)[0]))
        except StartupError as problem:
            hint = "Is every module in DATANECTAR_PRELOAD importable?"
            raise StartupError(f"{problem.message} {hint}") from problem
        return ours

    def _begin(self, part: Part) -> None:
        self._parts.append(part)
        part.start()

    def _await(self, name: str, is_ready: Callable[[], bool]) -> None:
        part = next(part for part in self._parts if part.name == name)
        deadline = time.monotonic() + _START_LIMIT
        while not is_ready():
            if part.has_died():
                raise StartupError(
                    f"{name} did not start; its words stand above or in {self._settings.state}."
                )
            if time.monotonic() > deadline:
                raise StartupError(f"{name} does not answer after {_START_LIMIT:g} s.")
            time.sleep(0.05)

    def _watch(self) -> None:
        self._say(self._banner())
        while True:
            for part in self._parts:
                if part.has_died():
                    self._revive(part)
            kill_and_reap_children(keep=[part.process.pid for part in self._parts if part.process])
            time.sleep(0.2)

    def _revive(self, part: Part) -> None:
        now = time.monotonic()
        if part.restart_at is not None:
            if now >= part.restart_at:
                self._restart(part)
            return
        code = part.process.returncode if part.process else None
        self._put_off(part, f"ended (exit code {code})")

    def _restart(self, part: Part) -> None:
        try:
            part.start()
        except OSError as problem:  # no processes, descriptors or memory left for now
            self._put_off(part, f"could not be started ({problem})")

    def _put_off(self, part: Part, why: str) -> None:
        """Have a part started again after a pause, the longer the more lives have been short."""
        now = time.monotonic()
        is_short = now - part.begun < _SHORT_LIFE
        part.short_lives = min(part.short_lives + 1, _COUNTED_LIVES) if is_short else 0
        pause = min(_FIRST_PAUSE * 2**part.short_lives, _LONGEST_PAUSE)
        part.restart_at = now + pause
        self._say(f"{part.name} {why}; starting it again in {pause:g} s.")

    def _end(self) -> None:
        """Stop the web and the worker, then what the worker needs until its runs have ended."""
        limit = self._settings.grace + _STOP_LIMIT
        first = [part for part in self._parts if part.name in ("web", "worker")]
        for part in first:
            part.ask_to_stop()
        for part in [*first, *(part for part in self._parts if part not in first)]:
            _stop_process(part, limit)
        if self._parts:  # else another one may be up here, and this one could not
            launch.withdraw_url(self._settings.state)
        kill_and_reap_children(keep=[])

    def _banner(self) -> str:
        lines = (
            f"\n  app      {self.url}\n"
            f"  API      {self.url}/api/chains\n"
            f"  luigid   {self._settings.luigid_url}\n\n"
        )
        if chain_path(self._settings.chains, *_EXAMPLE[:2]) is not None:
            place = "/".join(_EXAMPLE)
            lines += f"Run a chain:\n  curl -X POST '{self.url}/api/chains/{place}?name=you'\n\n"
        return f"{lines}Ctrl-C stops everything.\n"


def _may_see(name: str) -> bool:
    return name in _SEEN or name.startswith(_SEEN_BEGINNINGS)


def free_port(host: str) -> int:
    """Return a port of this host's that nothing listens on."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    try:
        check_port(host, port, _LUIGID_URL)
    except StartupError:
        return False
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def check_port(host: str, port: int, variable: str) -> None:
    """See that a port can be listened on.

    Args:
        host, port: the address.
        variable: the setting that names another.

    Raises:
        StartupError: when it can't.
    """
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise StartupError(
                f"Port {port} on {host} can't be had ({problem.strerror}): stop what uses it, "
                f"or choose another with {variable}."
            ) from problem


#: The app on this machine is asked without a proxy.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _Stopped(Exception):
    """Raised by the signal handler, so that the stop begins at once."""


def _stop_process(part: Part, limit: float) -> None:
    if part.process is None:
        return
    part.ask_to_stop()
    try:
        part.process.wait(limit)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(part.process.pid, signal.SIGKILL)
        part.process.wait()


def _answers(url: str) -> bool:
    try:
        with _DIRECTLY.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
