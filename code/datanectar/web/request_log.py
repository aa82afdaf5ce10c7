"""Each request's id, its line in the log, and its span."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask import Flask, request

from datanectar.telemetry import traces
from datanectar.telemetry.context import bind, log_context, log_fields
from datanectar.telemetry.logs import EVENTS
from datanectar.telemetry.traceparent import checked
from datanectar.telemetry.traces import Span

REQUEST_ID = "X-Request-Id"
#: The ids that are taken over from a client or a proxy.
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}\Z")
#: What is asked all the time by programs and pages: a line only when it fails.
_FREQUENT = ("/healthz", "/readyz", "/metrics", "/static/")

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def prepare(app: Flask) -> None:
    """Have the app log its requests."""
    app.wsgi_app = RequestLog(app.wsgi_app)  # type: ignore[method-assign]

    @app.url_value_preprocessor
    def name_route(endpoint: str | None, values: dict[str, Any] | None) -> None:
        """Add the route, ``/api/runs/<run_id>``, and the run to what the request's lines have."""
        if request.url_rule is not None:
            bind(route=str(request.url_rule), run_id=(values or {}).get("run_id"))


class RequestLog:
    """WSGI middleware: gives each request an id, answers with it, and logs how the request ended.

    Args:
        app: the application.
    """

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        request_id, began = _id_of(environ), time.perf_counter()
        statuses: list[int] = []

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            statuses.append(int(status.split()[0]))
            return start_response(status, [*headers, (REQUEST_ID, request_id)], *more)

        with log_context(request_id=request_id), _span(environ) as span:
            body = self._app(environ, start)
            _note(span, environ, statuses[-1])
            _log(environ, statuses[-1], time.perf_counter() - began)
        return body


def _id_of(environ: dict[str, Any]) -> str:
    sent = environ.get("HTTP_X_REQUEST_ID", "")
    return sent if _SANE.match(sent) else secrets.token_hex(16)


def _is_frequent(environ: dict[str, Any]) -> bool:
    return _path(environ).startswith(_FREQUENT)


def _path(environ: dict[str, Any]) -> str:
    """Return the path without the query, which may hold private parameters."""
    path: str = environ.get("PATH_INFO", "")
    return path.encode("latin-1").decode("utf-8", "replace")[:1000]  # PEP 3333's bytes-as-text


def _span(environ: dict[str, Any]) -> AbstractContextManager[Span]:
    """Return the request's span; what is asked all the time has none."""
    if _is_frequent(environ):
        return nullcontext(Span(None))
    sent = checked(environ.get("HTTP_TRACEPARENT"))
    return traces.span(environ["REQUEST_METHOD"], kind="server", parent=sent)


def _note(span: Span, environ: dict[str, Any], status: int) -> None:
    """Name and describe the span as OpenTelemetry's conventions for HTTP servers have it."""
    route, method = log_fields().get("route"), environ["REQUEST_METHOD"]
    span.note(
        {
            "http.request.method": method,
            "http.response.status_code": status,
            "http.route": route,
            "url.path": _path(environ),
            "url.scheme": environ.get("wsgi.url_scheme"),
            "client.address": environ.get("REMOTE_ADDR"),
            "datanectar.run.id": log_fields().get("run_id"),
        }
    )
    if route:
        span.rename(f"{method} {route}")
    if status >= 500:
        span.fail(f"it was answered with {status}")


def _log(environ: dict[str, Any], status: int, seconds: float) -> None:
    if _is_frequent(environ) and status < 400:
        return
    method, path = environ["REQUEST_METHOD"], _path(environ)
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "seconds": round(seconds, 6),
        "client": environ.get("REMOTE_ADDR"),
    }
    EVENTS.info("%s %s: %d", method, path, status, extra=fields)
