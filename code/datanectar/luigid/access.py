"""Who may use our luigid: checked for each request, before luigid's application sees it.

Luigi's own luigid lets everybody who reaches its port change what it knows, web pages in a browser of
this machine included. Ours requires the token of the state folder for every change.
"""

from __future__ import annotations

import base64
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import luigi.server
import tornado.httputil
import tornado.routing
import tornado.web

from datanectar.luigid.access_token import read_token
from datanectar.settings import is_loopback

#: The calls that change nothing: what luigid's page (luigi/static/visualiser/js/luigi.js) and the
#: status of a run read. All others, also those of a later Luigi, need the token.
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


class AccessRouter(tornado.routing.Router):
    """Refuses the requests that are not allowed and hands all others to luigid's application.

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
        """Return the handler of a request (tornado/routing.py ``Router``)."""
        reason = self._refusal(request)
        if reason is None:
            return self._app.find_handler(request, **options)
        return self._app.get_handler_delegate(request, _Refuse, {"reason": reason})

    def _refusal(self, request: tornado.httputil.HTTPServerRequest) -> str | None:
        name = _host_of(f"//{request.host}")
        if name != self._host and not (name and is_loopback(name)):
            return f"luigid is not reached under the name {request.host!r}"
        origin = request.headers.get("Origin")
        if origin is not None and not _is_allowed(origin, request.host):
            return f"pages of {origin} may not use luigid"
        method = request.path.removeprefix("/api/")
        if method == request.path or method in READING or request.method == "OPTIONS":
            return None
        if self._is_token(_sent_token(request.headers.get("Authorization", ""))):
            return None
        return f"{method} changes what luigid knows, and needs the token of its project"

    def _is_token(self, sent: bytes) -> bool:
        """Tell whether the state folder holds this token, or has held it since this luigid started.

        A second luigid over the same folder writes a new token, even if it then can't start because
        its port is taken.
        """
        if not self._is_known(sent):
            self._tokens.add(read_token(self._state))
        return self._is_known(sent)

    def _is_known(self, sent: bytes) -> bool:
        tokens = [token.encode() for token in self._tokens if token]
        return any(hmac.compare_digest(sent, token) for token in tokens)


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
    def initialize(self, reason: str) -> None:
        self._reason = reason

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._reason}.\n")


def _sent_token(header: str) -> bytes:
    """Return the token of an ``Authorization`` header: a bearer token, or the password of Basic.

    Luigi's own command sends it as a password, by ``http://run:<token>@...`` (luigi/rpc.py).
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return value.encode() if scheme.lower() == "bearer" else b""
    try:
        return base64.b64decode(value, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
