"""The gunicorn server of the web process.

gunicorn's master never loads the app: it shares no memory with the worker for long, as Python's
reference counts make the kernel copy it.
"""

from __future__ import annotations

import resource
import signal
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from datanectar.forkserver.process_control import die_with_parent, set_title
from datanectar.optional_imports import left_out, other_drivers
from datanectar.settings import Settings, in_url
from datanectar.telemetry import traces
from datanectar.web.gunicorn_worker import WebWorker

#: The most connections that are open at a time.
_CONNECTIONS = 1000


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    One process with threads: other processes do the work, and the catalog and the idle children are
    kept only once.
    """
    _Gunicorn(settings).run()


class _Gunicorn(BaseApplication):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{in_url(self._settings.host)}:{self._settings.port}",
            "workers": 1,
            "worker_class": f"{WebWorker.__module__}.{WebWorker.__qualname__}",
            "threads": self._settings.web_threads,
            "worker_connections": _most_connections(),
            "timeout": 60,
            "graceful_timeout": 5,
            "keepalive": 15,
            "limit_request_line": 8190,
            # gunicorn believes a client on loopback; `http/proxy.py` decides whom to believe.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": _Log,
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

        traces.set_up("web")
        return create_app(self._settings)


class _Log(Logger):
    """gunicorn's log, written as this process writes its own."""

    def setup(self, cfg: Any) -> None:
        """Set the level, and leave the writing to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _most_connections() -> int:
    """Return how many connections may be open: at most half the files that this process may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if files == resource.RLIM_INFINITY else min(_CONNECTIONS, files // 2)


def _after_fork(server: Any, worker: Any) -> None:
    """Let the worker be killed when gunicorn's master dies: the next master needs the port."""
    set_title("datanectar: web")
    die_with_parent(signal.SIGKILL)


def _close(server: Any, worker: Any) -> None:
    if worker.flask is not None:
        worker.flask.extensions["datanectar.children"].close()
    traces.close()
