"""What stands between a client and the app: a proxy, a path prefix, pages of other origins."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask
from flask_compress import Compress
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from datanectar.settings import Settings

#: The name in the WSGI environment of: a trusted proxy has sent the request.
FROM_PROXY = "datanectar.from_proxy"
#: The headers of responses that scripts of other origins may read.
_EXPOSED_HEADERS = (
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "X-Request-Id",
)
#: Seconds for which a browser keeps the answer to its preflight request.
_PREFLIGHT_LIFE = 600
_COMPRESSED_TYPES = (
    "application/json",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
    "text/markdown",
)

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def prepare(app: Flask, settings: Settings) -> None:
    """Fit the app for its place: behind a proxy, under a prefix, called from named origins."""
    app.wsgi_app = Front(  # type: ignore[method-assign]
        app.wsgi_app, prefix=settings.url_prefix, trusted=settings.trusted_proxies
    )
    if settings.cors_origins:
        CORS(
            app,
            resources={r"/api/.*": {"origins": list(settings.cors_origins)}},
            expose_headers=_EXPOSED_HEADERS,
            max_age=_PREFLIGHT_LIFE,
        )
    # A log or an event is sent as soon as it is there: streams are not compressed.
    app.config.update(COMPRESS_MIMETYPES=list(_COMPRESSED_TYPES), COMPRESS_STREAMS=False)
    Compress(app)


class Front:
    """WSGI middleware: believes ``X-Forwarded-*`` of trusted proxies, and takes the prefix off.

    The prefix is part of every address that the app makes. A proxy may pass it on or strip it: a
    path without it is answered too, so that health checks need not know it.

    Args:
        app: the application.
        prefix: ``/dn``, or nothing.
        trusted: addresses and networks of proxies. The ``X-Forwarded-For``, ``-Proto`` and
            ``-Host`` that they add are believed, and nobody else's.
    """

    def __init__(self, app: WsgiApp, *, prefix: str, trusted: Sequence[str]) -> None:
        self._app, self._prefix = app, prefix
        self._trusted = [ipaddress.ip_network(entry) for entry in trusted]
        self._believing = ProxyFix(app, x_for=1, x_proto=1, x_host=1)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        if self._prefix:
            environ["SCRIPT_NAME"] = self._prefix
            if path == self._prefix or path.startswith(self._prefix + "/"):
                environ["PATH_INFO"] = path[len(self._prefix) :] or "/"
        environ[FROM_PROXY] = self._is_trusted(environ.get("REMOTE_ADDR", ""))
        app = self._believing if environ[FROM_PROXY] else self._app
        return app(environ, start_response)

    def _is_trusted(self, address: str) -> bool:
        try:
            client = ipaddress.ip_address(address)
        except ValueError:  # a UNIX socket has no address
            return False
        mapped = getattr(client, "ipv4_mapped", None)
        return any((mapped or client) in network for network in self._trusted)


def is_cors_request(origin: str, path: str, settings: Settings) -> bool:
    """Tell whether a page of ``origin`` may call ``path``: the API alone, from named origins."""
    return path.startswith("/api/") and origin in settings.cors_origins
