"""luigid as its neighbours see it: how it is started, whether it is up, and what it is told.

A run child speaks to luigid through Luigi's own client (``execution.rpc``); every other word to it
is here. Nothing here imports Luigi, so the web and the worker can use it.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import stat
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from datanectar.errors import SchedulerError
from datanectar.settings import Settings, is_loopback

#: luigid's settings for a service; the reasons stand in the file.
CONFIGURATION = Path(__file__).with_name("luigid.cfg")

#: How the reason of a task begins that has not failed, but whose process was stopped or lost.
INTERRUPTED = "interrupted: "

#: luigid's own default (luigi/cmdline.py ``luigid``).
_PORT = 8082
#: The file of the state folder that holds the token without which our luigid changes nothing.
_TOKEN_FILE = "luigid.token"  # noqa: S105
#: The file that says where the luigid of the ``datanectar up`` over this state is, and which
#: process that is.
_URL_FILE = "luigid.url"

#: Seconds for which the answer to "is luigid up" is good.
_UP_IS_GOOD_FOR = 1.0


class NotLuigid(ConnectionError):
    """Raised when somebody else answers at luigid's address: to a caller, luigid is away."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the refusal that it is."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


#: Neither led by a proxy of the environment nor by a redirect: the token is luigid's alone.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def address(url: str) -> tuple[str, int]:
    """Return the host and the port of luigid's URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or _PORT


def full_url(url: str) -> str:
    """Return luigid's URL with its port, and without a slash at its end."""
    host, port = address(url)
    return url_of(host, port) + urlsplit(url).path.rstrip("/")


def url_of(host: str, port: int) -> str:
    """Return the URL of a host and a port."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def command(settings: Settings) -> list[str]:
    """Return the command that starts luigid where the settings say it is.

    Whoever runs it gives it luigid's own configuration by ``LUIGI_CONFIG_PATH``.
    """
    host, port = address(settings.luigid_url)
    where = ["--address", host, "--port", str(port), "--state", str(settings.state)]
    files = [word for file in _luigi_files(settings) for word in ("--resources", str(file))]
    return [sys.executable, "-m", "datanectar.luigid.server", *where, *files]


def _luigi_files(settings: Settings) -> list[Path]:
    """Return the files that Luigi reads in a run, which starts in ``code/`` (luigi/configuration)."""
    own = os.environ.get("LUIGI_CONFIG_PATH")
    files = [Path("/etc/luigi/luigi.cfg"), settings.code / "luigi.cfg"]
    return [*files, settings.code / own] if own else files


def make_token(state: Path) -> None:
    """Put a fresh token for luigid into the state folder, for this user alone to read.

    While luigid is away, runs show its token to whoever has taken its port: the next luigid is to
    have another one.
    """
    _write(state / _TOKEN_FILE, secrets.token_hex(24))


def _write(file: Path, text: str) -> None:
    """Write a file of this user's alone; whoever reads it finds the old one or the new one whole."""
    hidden = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as stream:  # noqa: PTH123
        stream.write(text)
    hidden.replace(file)


def drop_token(state: Path) -> None:
    """Remove luigid's token: the luigid in use is somebody else's, and needs none."""
    (state / _TOKEN_FILE).unlink(missing_ok=True)


def read_token(state: Path) -> str | None:
    """Return the token of this project's luigid; None when there is none that only we can write."""
    return _read(state / _TOKEN_FILE)


def _read(file: Path) -> str | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(descriptor) as stream:  # noqa: PTH123
        return stream.read().strip() or None if is_ours_alone(os.fstat(descriptor), 0o077) else None


def say_where(state: Path, url: str) -> None:
    """Have the state folder tell where luigid is while this process lives, for parts started by hand."""
    _write(state / _URL_FILE, f"{os.getpid()} {url}")


def forget_where(state: Path) -> None:
    """Have the state folder tell no more where luigid is."""
    (state / _URL_FILE).unlink(missing_ok=True)


def said_where(state: Path) -> str | None:
    """Return where the luigid is of the ``datanectar up`` over this state; None without one."""
    pid, _, url = (_read(state / _URL_FILE) or "").partition(" ")
    if not (pid.isdecimal() and url):
        return None
    try:
        os.kill(int(pid), 0)
    except (OSError, OverflowError):  # it was killed, and luigid with it
        return None
    return url


def is_ours_alone(status: os.stat_result, others: int) -> bool:
    """Tell whether this is a file of this user's on which nobody else has the rights ``others``."""
    ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
    return ours and not status.st_mode & others


def token_for(url: str, state: Path) -> str | None:
    """Return what to show to the luigid at ``url``: this project's own listens on loopback alone."""
    return read_token(state) if is_loopback(address(url)[0]) else None


def wire_id(type: str, chain: str, name: str) -> str:
    """Return the name by which luigid knows a chain's task, or task family, of Luigi's name."""
    prefix = f"{type}.{chain}."
    return name if name.startswith(prefix) else prefix + name


def not_luigid(url: str, what: str) -> str:
    """Return the words for somebody else at luigid's address."""
    return f"What answers at {url} is not luigid ({what}); stop it, or set DATANECTAR_LUIGID_URL to where luigid is."


def worker_id(run_id: str, assistant: int = 0) -> str:
    """Return the id that a run's Luigi worker goes by.

    A function of the run, so that a later attempt, or a canceller, can speak for a dead worker at
    once (luigi/scheduler.py ``add_task``: who names ``worker_running`` is believed).
    """
    return f"run-{run_id}" if assistant == 0 else f"run-{run_id}-{assistant}"


class Luigid:
    """A luigid at an address.

    Args:
        url: the address, e.g. ``http://127.0.0.1:8082``.
        state: the folder that holds its token, if it is this project's own.
        timeout: seconds that it may take to answer.
    """

    def __init__(self, url: str, state: Path | None = None, timeout: float = 2.0) -> None:
        self.url = full_url(url)
        self._state = state
        self._timeout = timeout
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._was_up = False

    def is_up(self) -> bool:
        """Tell whether luigid answers there, and nobody else. Good for a second."""
        with self._lock:
            if time.monotonic() - self._asked_at > _UP_IS_GOOD_FOR:
                try:
                    self._was_up = self.look()
                except SchedulerError:
                    self._was_up = False
                self._asked_at = time.monotonic()
            return self._was_up

    def look(self) -> bool:
        """Tell whether luigid answers; False when nobody does.

        Raises:
            SchedulerError: when somebody else does.
        """
        try:
            answer = self.call("is_paused")
        except urllib.error.HTTPError as problem:
            with problem:
                what = f"{problem.code} {problem.reason}"
            raise SchedulerError(not_luigid(self.url, what)) from problem
        except NotLuigid as problem:
            raise SchedulerError(str(problem)) from problem
        except OSError:
            return False
        if not isinstance(answer, dict) or "paused" not in answer:
            raise SchedulerError(str(self._not_luigid()))
        return True

    def takes_our_word(self) -> bool:
        """Tell whether luigid lets us change something: that of another project does not."""
        try:
            self.call("forgive_failures", task_id="")  # there is no such task: nothing changes
        except OSError:
            return False
        return True

    def call(self, method: str, **arguments: Any) -> Any:
        """Return luigid's answer to an RPC (luigi/scheduler.py, the methods with ``@rpc_method``).

        Raises:
            OSError: when luigid can't be reached or refuses; NotLuigid when somebody else answers.
        """
        body = urlencode({"data": json.dumps(arguments)}).encode()
        token = token_for(self.url, self._state) if self._state else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{self.url}/api/{method}", body, headers)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=self._timeout) as response:
                return json.load(response)["response"]
        except OSError:
            raise
        except http.client.IncompleteRead as problem:  # it went while it answered
            raise ConnectionError(f"{self.url} did not end its answer") from problem
        except (ValueError, LookupError, TypeError, http.client.HTTPException) as problem:
            raise self._not_luigid() from problem

    def _not_luigid(self) -> NotLuigid:
        return NotLuigid(not_luigid(self.url, "it does not speak as luigid"))

    def end_worker(self, worker: str, why: str) -> None:
        """Say in a dead worker's name that what it ran has ended, so that nobody waits for it.

        luigid is asked what that is: a process killed just after it was given a task could tell
        nobody else. What it was given to do in one go is BATCH_RUNNING, and ends with it if it began.

        Raises:
            OSError: when luigid can't be reached or refuses.
        """
        ended = {"status": "FAILED", "runnable": False, "expl": json.dumps(f"{INTERRUPTED}{why}")}
        for status in ("RUNNING", "BATCH_RUNNING"):
            running = self.call("task_list", status=status, upstream_status="")
            if not isinstance(running, dict):
                raise self._not_luigid()
            for task_id, task in running.items():
                if isinstance(task, dict) and task.get("worker_running") == worker:
                    self.call("add_task", worker=worker, task_id=task_id, **ended)

    def graph_url(self, type: str, chain: str, task_id: str) -> str:
        """Return the address of a chain's task's graph on luigid's own page."""
        name = quote(wire_id(type, chain, task_id))
        return f"{self.url}/static/visualiser/index.html#tab=graph&taskId={name}"
