"""The web: a Flask app over the service, and the gunicorn that serves it."""

from __future__ import annotations

import contextlib
import signal
from http import HTTPStatus
from typing import Any

from flask import Flask, json
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import ThreadWorker

from datanectar.api import answer, auth, chains, openapi, ops, runs, status, targets
from datanectar.api.given import StrictRequest
from datanectar.execution.children import Children
from datanectar.execution.queue import RunQueue
from datanectar.execution.service import Service
from datanectar.execution.zygote import RESOLVE
from datanectar.lifeline import die_with_parent
from datanectar.luigid import Luigid
from datanectar.runs.store import RunStore
from datanectar.settings import Settings
from datanectar.views import docs, history, home, pages, run, tasks

#: The most that a request's body may hold, in bytes.
LARGEST_BODY = 1024 * 1024
#: Idle children kept for resolving parameters: a POST need not wait for a fork.
_CHILDREN_AHEAD = 2


def create_app(settings: Settings) -> Flask:
    """Return the app. Call it in the process that serves: it starts threads and children.

    Raises:
        StartupError: when the settings or the parts behind them don't allow a start.
    """
    auth.check_start(settings)
    store = RunStore(settings.database_url)
    store.prepare()
    children = Children(settings, ahead=_CHILDREN_AHEAD, duty=RESOLVE)
    children.start()
    service = Service(
        settings,
        store=store,
        queue=RunQueue(settings.queue_url),
        children=children,
        luigid=Luigid(settings.luigid_url),
    )
    app = Flask("datanectar", static_folder=None)
    app.request_class = StrictRequest
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # neither redirects
    app.extensions["datanectar"] = service
    app.extensions["datanectar.children"] = children
    answer.funnel_errors(app)
    auth.guard(app, settings)
    for part in (chains, status, targets, runs, ops, openapi, home, tasks, run, history):
        app.register_blueprint(part.blueprint(service))
    for routes in (run.results(service), docs.blueprint(), pages.static_files()):
        app.register_blueprint(routes)
    pages.prepare(app)
    return app


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    One process with threads: the work is done elsewhere, and what is kept here, the catalog and
    the children, is kept once.
    """
    auth.check_start(settings)
    _Gunicorn(settings).run()


class _Gunicorn(BaseApplication):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{_bracketed(self._settings.host)}:{self._settings.port}",
            "workers": 1,
            "worker_class": f"{_Worker.__module__}.{_Worker.__qualname__}",
            "threads": self._settings.web_threads,
            "timeout": 60,
            "graceful_timeout": 5,
            "keepalive": 15,
            "limit_request_line": 8190,
            "control_socket_disable": True,
            "loglevel": "warning",
            "post_fork": _die_with_master,
            "worker_exit": _close,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)


class _Worker(ThreadWorker):
    """gunicorn's worker, with what never becomes a request answered in the envelope too."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that can't be parsed."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status = next((s for kind, s in _PARSE_STATUSES.items() if isinstance(exc, kind)), 400)
        words = f"This is no request that can be read: {str(exc)[:300]}"
        body = json.dumps({"data": None, "message": words, "status": status})
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        with contextlib.suppress(OSError):  # the client may have gone
            client.sendall(f"{head}{kind}\r\n{body}".encode())


_PARSE_STATUSES = {
    ExpectationFailed: 417,
    LimitRequestHeaders: 431,
    LimitRequestLine: 414,
    UnsupportedTransferCoding: 501,
}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _die_with_master(server: Any, worker: Any) -> None:
    """Have the worker end with gunicorn's master, at once: its successor needs the port."""
    die_with_parent(signal.SIGKILL)


def _close(server: Any, worker: Any) -> None:
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["datanectar.children"].close()
