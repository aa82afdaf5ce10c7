"""The gunicorn that serves the web.

Its master, which only minds the worker, never loads the app: half of what it shared with the
worker would soon be copied, as Python counts references.
"""

from __future__ import annotations

import contextlib
import json
import signal
from http import HTTPStatus
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import ThreadWorker

from datanectar.imports import left_out, other_drivers
from datanectar.lifeline import die_with_parent
from datanectar.settings import Settings


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

    def load(self) -> Any:
        with left_out(*other_drivers(self._settings.queue_url)):
            from datanectar.web import create_app

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
