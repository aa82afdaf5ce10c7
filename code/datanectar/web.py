"""The web: a Flask app over the service, and the gunicorn that serves it."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from datanectar.api import answer, auth, chains, ops, runs, status, targets
from datanectar.execution.children import Children
from datanectar.execution.queue import RunQueue
from datanectar.execution.service import Service
from datanectar.luigid import Luigid
from datanectar.runs.store import RunStore
from datanectar.settings import Settings

#: The most that a request's body may hold, in bytes.
LARGEST_BODY = 1024 * 1024
#: Idle children kept for resolving parameters: a POST need not wait for a fork.
_CHILDREN_AHEAD = 2


def create_app(settings: Settings) -> Flask:
    """Return the app. Call it in the process that serves: it starts threads and children.

    Raises:
        StartupError: when the settings or the parts behind them don't allow a start.
    """
    auth.check_address(settings)
    store = RunStore(settings.database_url)
    store.prepare()
    children = Children(settings, ahead=_CHILDREN_AHEAD)
    children.start()
    service = Service(
        settings,
        store=store,
        queue=RunQueue(settings.queue_url),
        children=children,
        luigid=Luigid(settings.luigid_url),
    )
    app = Flask("datanectar", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.strict_slashes = False
    app.extensions["datanectar"] = service
    app.extensions["datanectar.children"] = children
    answer.funnel_errors(app)
    auth.guard(app, settings)
    for part in (chains, status, targets, runs, ops):
        app.register_blueprint(part.blueprint(service))
    return app


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    One process with threads: the work is done elsewhere, and what is kept here, the catalog and
    the children, is kept once.
    """
    auth.check_address(settings)
    auth.Tokens(settings.tokens)
    _Gunicorn(settings).run()


class _Gunicorn(BaseApplication):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{_bracketed(self._settings.host)}:{self._settings.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._settings.web_threads,
            "timeout": 60,
            "graceful_timeout": 5,
            "keepalive": 15,
            "limit_request_line": 8190,
            "control_socket_disable": True,
            "loglevel": "warning",
            "worker_exit": _close,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _close(server: Any, worker: Any) -> None:
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["datanectar.children"].close()
