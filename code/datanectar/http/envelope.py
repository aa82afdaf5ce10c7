"""The one form of every JSON response, and how every error becomes one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from flask import Flask, Response, json, request
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    NoMoreData,
    ParseException,
)
from werkzeug.exceptions import HTTPException

from datanectar.errors import DatanectarError

log = logging.getLogger(__name__)

#: Headers of Flask's own errors that their responses keep.
_KEPT_HEADERS = ("Allow", "Content-Range", "Retry-After")
#: Paths of the API.
_API_PATHS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json")
#: What gunicorn raises when a chunked body is malformed or ends early.
_BROKEN_BODIES = (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    NoMoreData,
    ParseException,
)


def json_response(
    data: Any,
    *,
    status: int = 200,
    message: str = "success",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return ``{"data": ..., "message": ..., "status": N}``; N is the HTTP status too."""
    body = json.dumps({"data": data, "message": message, "status": status})
    response = Response(f"{body}\n", status=status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def iso_time(timestamp: float | None) -> str | None:
    """Return a Unix timestamp as an ISO 8601 time in UTC."""
    if timestamp is None:
        return None
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat(timespec="milliseconds")


def wants_page() -> bool:
    """Tell whether a browser asks for a page; the API's answers stay JSON for a browser too."""
    if request.path.startswith(_API_PATHS):
        return False
    return any(kind == "text/html" for kind, _ in request.accept_mimetypes)


def handle_errors(app: Flask) -> None:
    """Make the app answer every error in the JSON form."""
    app.register_error_handler(DatanectarError, _own_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)
    for kind in _BROKEN_BODIES:
        app.register_error_handler(kind, _broken_body)


def _own_error(error: DatanectarError) -> Response:
    data = {"fields": error.fields} if error.fields else None
    return json_response(data, status=error.status, message=error.message, headers=error.headers)


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:  # a redirect made by Flask's routing
        return error.response  # type: ignore[return-value]
    headers = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
    if error.code == 404:
        message = (
            f"There is nothing at {request.path[:200]}. The chains are listed at / and "
            "/api/chains, the API's routes at /docs and /openapi.json."
        )
    else:
        message = f"{error.name}: {request.method} {request.path[:200]}. {error.description}"
    return json_response(None, status=error.code or 500, message=message, headers=headers)


def _broken_body(error: Exception) -> Response:
    message = f"The body can't be read to its end: {str(error)[:300]}"
    return json_response(None, status=400, message=message)


def _unexpected_error(error: Exception) -> Response:
    log.exception("%r %r", request.method, request.path, exc_info=error)
    message = f"The service failed on this request ({type(error).__name__}); its log says more."
    return json_response(None, status=500, message=message)
