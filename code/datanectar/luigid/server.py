"""luigid as a project's own: Luigi's server, with a guard, a project's resources and a saved state.

Started by :func:`datanectar.luigid.client.command`. Luigi's own lets whoever reaches its port, a web page in
a browser of this machine included, change what it knows. This one asks for the token that lies in the
state folder; what luigid's own page reads, it answers without.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import hmac
import io
import logging
import os
import pickle
import sys
import time
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import luigi.server
import tornado.httputil
import tornado.routing
import tornado.web
from luigi.configuration import LuigiConfigParser, get_config
from luigi.scheduler import Scheduler, SimpleTaskState, Task, Worker
from luigi.setup_logging import DaemonLogging

from datanectar.errors import StartupError
from datanectar.forkserver.process_control import die_with_parent
from datanectar.luigid.client import is_ours_alone, make_token, read_token
from datanectar.permissions import private_folder
from datanectar.settings import is_loopback

#: What luigid's page reads (luigi/static/visualiser/js/luigi.js) and what a run's status needs: the
#: calls that change nothing. All others, those that a later Luigi may have too, need the token.
READING = frozenset(
    {
        "dep_graph",
        "fetch_error",
        "get_running_task_resources",
        "get_task_progress_percentage",
        "get_task_status_message",
        "graph",
        "has_task_history",
        "inverse_dep_graph",
        "is_pause_enabled",
        "is_paused",
        "resource_list",
        "task_list",
        "task_search",
        "worker_list",
    }
)
#: Seconds between looks at the files with the project's resources.
_LOOK = 1.0
#: The rights of others on a saved state that make it one that somebody else may have written.
_MAY_WRITE = 0o022

_logger = logging.getLogger("luigi.scheduler")


class ProjectScheduler(Scheduler):
    """Luigi's scheduler, with the ``[resources]`` of the project's files as they are now."""

    def __init__(self, files: list[Path]) -> None:
        super().__init__()
        self._resources: dict[str, int] = dict(self._resources or {})
        self._files = files
        self._own = dict(self._resources)
        self._stamps: list[Any] = []
        self._looked_at = float("-inf")
        self._take_resources()

    def get_work(self, **call: Any) -> Any:
        """Answer a worker (luigi/scheduler.py ``Scheduler.get_work``)."""
        self._take_resources()
        return super().get_work(**call)

    def resource_list(self) -> Any:
        """Answer which resources there are (luigi/scheduler.py ``Scheduler.resource_list``)."""
        self._take_resources()
        return super().resource_list()

    def _take_resources(self) -> None:
        if time.monotonic() - self._looked_at < _LOOK:
            return
        self._looked_at = time.monotonic()
        stamps = [_stamp(file) for file in self._files]
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._resources = {**self._own, **_resources_in(self._files)}
            except (configparser.Error, ValueError, OSError) as problem:
                _logger.error("[resources] can't be read, and stay as they were: %s", problem)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _resources_in(files: list[Path]) -> dict[str, int]:
    """Return what the ``[resources]`` sections of Luigi's files say, the last one's word last."""
    parser = LuigiConfigParser()
    parser.read([str(file) for file in files])
    return dict(parser.getintdict("resources"))


class Guard(tornado.routing.Router):
    """Stands before luigid's application and lets pass what may.

    Args:
        app: luigid's application.
        host: the address that it listens on.
        state: the folder with the token.
    """

    def __init__(self, app: tornado.web.Application, host: str, state: Path) -> None:
        self._app = app
        self._host = host
        self._state = state
        self._tokens = {read_token(state)}

    def find_handler(self, request: tornado.httputil.HTTPServerRequest, **options: Any) -> Any:
        """Return who answers a request (tornado/routing.py ``Router``)."""
        words = self._refusal(request)
        if words is None:
            return self._app.find_handler(request, **options)
        return self._app.get_handler_delegate(request, _Refuse, {"words": words})

    def _refusal(self, request: tornado.httputil.HTTPServerRequest) -> str | None:
        name = _host_of(f"//{request.host}")
        if name != self._host and not (name and is_loopback(name)):
            return f"luigid is not reached under the name {request.host!r}"
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_allowed(origin, request.host):
            return f"pages of {origin} may not use luigid"
        method = request.path.removeprefix("/api/")
        if method == request.path or method in READING or request.method == "OPTIONS":
            return None
        if self._knows(_token_in(request.headers.get("Authorization", ""))):
            return None
        return f"{method} changes what luigid knows, and needs the token of its project"

    def _knows(self, shown: bytes) -> bool:
        """Tell whether this is a token that the state folder has, or has had under this luigid.

        Somebody may have started another one over the same folder, in vain: its port was taken.
        """
        if not self._fits(shown):
            self._tokens.add(read_token(self._state))
        return self._fits(shown)

    def _fits(self, shown: bytes) -> bool:
        tokens = [token.encode() for token in self._tokens if token]
        return any(hmac.compare_digest(shown, token) for token in tokens)

    @staticmethod
    def _is_allowed(origin: str, host: str) -> bool:
        allowed = luigi.server.cors()
        if origin in (f"http://{host}", f"https://{host}"):
            return True
        if not allowed.enabled:
            return False
        if origin == "null":
            return bool(allowed.allow_null_origin)
        return bool(allowed.allow_any_origin or origin in allowed.allowed_origins)


class _Refuse(tornado.web.RequestHandler):
    def initialize(self, words: str) -> None:
        self._words = words

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._words}.\n")


def _write_error(handler: tornado.web.RequestHandler, status_code: int, **options: Any) -> None:
    """Answer a call that went wrong with the last line of the error, for the run that made it."""
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    problem = options.get("exc_info", (None, None))[1]
    words = traceback.format_exception_only(problem)[-1].strip() if problem else "no such call"
    handler.finish(f"{words}\n")


def _token_in(header: str) -> bytes:
    """Return the token that a call shows, as a bearer or, by ``http://run:<token>@...``, as a password.

    The second is how Luigi's own command shows it (luigi/rpc.py).
    """
    scheme, _, words = header.partition(" ")
    if scheme.lower() != "basic":
        return words.encode() if scheme.lower() == "bearer" else b""
    try:
        return base64.b64decode(words, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def load_once(state: Any) -> None:
    """Take over the saved state, and remove it.

    After a crash, an older one would have luigid believe that tasks run which have long ended, and let
    runs wait for them. It is a pickle, which may run anything: one that somebody else may have written
    is not read. One that can't be read is worth no more than none.
    """
    file = Path(state._state_path)
    try:
        saved = _read_ours(file)
        if saved is not None:
            _take_over(state, saved)
    except Exception as problem:
        _logger.warning("%s can't be read, and is left out: %r", file, problem)
        state._tasks, state._active_workers, state._task_batchers = {}, {}, {}
        state._status_tasks.clear()
    try:
        file.unlink(missing_ok=True)
    except OSError as problem:
        _logger.warning("%s can't be removed: %s", file, problem)


def _read_ours(file: Path) -> bytes | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as stream:  # noqa: PTH123
        if not is_ours_alone(os.fstat(descriptor), _MAY_WRITE):
            raise PermissionError("another user may have written it")
        return stream.read()


def _take_over(state: Any, saved: bytes) -> None:
    tasks, workers, batchers = pickle.load(io.BytesIO(saved))  # noqa: S301
    by_status = [(task.status, task.id, task) for task in tasks.values()]
    for known, kind in ((tasks, Task), (workers, Worker)):
        if not all(isinstance(each, kind) for each in known.values()):
            raise TypeError("it holds something else")
    state.set_state((tasks, workers, dict(batchers)))
    for status, task_id, task in by_status:
        state._status_tasks[status][task_id] = task


def main() -> None:
    """Be luigid until SIGTERM."""
    die_with_parent()
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="datanectar.luigid.server", description=__doc__)
    parser.add_argument("--address", required=True, help="the address to listen on")
    parser.add_argument("--port", required=True, type=int, help="the port to listen on")
    parser.add_argument("--state", required=True, type=Path, help="the project's state folder")
    parser.add_argument(
        "--resources", action="append", default=[], type=Path, help="a luigi.cfg of the project"
    )
    options = parser.parse_args()
    _prepare(options.state)
    get_config().set(
        "scheduler", "state_path", str(options.state / "luigid.pickle").replace("%", "%%")
    )
    DaemonLogging.setup(argparse.Namespace(background=False, logdir=None))
    _set_up_luigi(options.address, options.state)
    luigi.server.run(
        api_port=options.port,
        address=options.address,
        scheduler=ProjectScheduler(options.resources),
    )


def _prepare(state: Path) -> None:
    """See that there is a folder of the owner's alone, and a token in it that nobody has seen yet."""
    try:
        told = private_folder(state)
        make_token(state)
    except (StartupError, OSError) as problem:
        sys.exit(f"luigid: {problem}")
    if told:
        print(f"luigid: {told}", file=sys.stderr)


def _set_up_luigi(host: str, state: Path) -> None:
    """Put our parts in the places of Luigi's."""
    SimpleTaskState.load = load_once
    # What luigid is told to allow to other origins is read once: for each call, as Luigi does it
    # (luigi/server.py ``RPCHandler.__init__``), that is half of a call's time.
    allowed = luigi.server.cors()
    luigi.server.cors = lambda: allowed
    luigi.server.RPCHandler.write_error = _write_error
    app = luigi.server.app
    luigi.server.app = lambda scheduler: Guard(app(scheduler), host, state)
    logging.getLogger("tornado.access").setLevel(logging.WARNING)  # a line a call fills the disk


if __name__ == "__main__":
    main()
