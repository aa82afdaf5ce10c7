"""The gunicorn that serves the web.

Its master, which only minds the worker, never loads the app: half of what it shared with the
worker would soon be copied, as Python counts references.
"""

from __future__ import annotations

import resource
import signal
from typing import Any

from gunicorn.app.base import BaseApplication

from datanectar.forkserver.process_control import die_with_parent, set_title
from datanectar.optional_imports import left_out, other_drivers
from datanectar.settings import Settings
from datanectar.web.gunicorn_worker import WebWorker

#: The most connections that are open at a time.
_CONNECTIONS = 1000


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    One process with threads: the work is done elsewhere, and what is kept here, the catalog and
    the children, is kept once.
    """
    _Gunicorn(settings).run()


class _Gunicorn(BaseApplication):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{_bracketed(self._settings.host)}:{self._settings.port}",
            "workers": 1,
            "worker_class": f"{WebWorker.__module__}.{WebWorker.__qualname__}",
            "threads": self._settings.web_threads,
            "worker_connections": _most_connections(),
            "timeout": 60,
            "graceful_timeout": 5,
            "keepalive": 15,
            "limit_request_line": 8190,
            "control_socket_disable": True,
            "loglevel": "warning",
            "pre_fork": lambda server, worker: set_title("datanectar: web (master)"),
            "post_fork": _after_fork,
            "worker_exit": _close,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        with left_out(*other_drivers(self._settings.queue_url)):
            from datanectar.web.app import create_app

        return create_app(self._settings)


def _most_connections() -> int:
    """Return how many connections may be open: half the files that this process may have."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if files == resource.RLIM_INFINITY else min(_CONNECTIONS, files // 2)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _after_fork(server: Any, worker: Any) -> None:
    """Have the worker end with gunicorn's master, at once: its successor needs the port."""
    set_title("datanectar: web")
    die_with_parent(signal.SIGKILL)


def _close(server: Any, worker: Any) -> None:
    if worker.flask is not None:
        worker.flask.extensions["datanectar.children"].close()
