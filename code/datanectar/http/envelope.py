"""The one envelope of every JSON answer, and the one funnel of every error."""

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

#: Headers of Flask's own errors that go with their answer.
_KEPT_HEADERS = ("Allow", "Content-Range", "Retry-After")
#: What gunicorn raises when a body is read that is no chunked one to its end.
_BROKEN_BODIES = (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    NoMoreData,
    ParseException,
)


def answer(
    data: Any,
    *,
    status: int = 200,
    message: str = "success",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return ``{"data": ..., "message": ..., "status": N}`` with N as the HTTP status too."""
    body = json.dumps({"data": data, "message": message, "status": status})
    response = Response(f"{body}\n", status=status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def moment(stamp: float | None) -> str | None:
    """Return a Unix stamp as an ISO 8601 time in UTC."""
    if stamp is None:
        return None
    return datetime.fromtimestamp(stamp, timezone.utc).isoformat(timespec="milliseconds")


def funnel_errors(app: Flask) -> None:
    """Have every error of the app answered in the envelope."""
    app.register_error_handler(DatanectarError, _own_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _fault)
    for kind in _BROKEN_BODIES:
        app.register_error_handler(kind, _broken_body)


def _own_error(problem: DatanectarError) -> Response:
    data = {"fields": problem.fields} if problem.fields else None
    return answer(data, status=problem.status, message=problem.message, headers=problem.headers)


def _http_error(problem: HTTPException) -> Response:
    if problem.response is not None:  # a redirect made by Flask's routing
        return problem.response  # type: ignore[return-value]
    headers = {name: value for name, value in problem.get_headers() if name in _KEPT_HEADERS}
    if problem.code == 404:
        words = (
            f"There is nothing at {request.path[:200]}. The chains are listed at / and "
            "/api/chains, the API's routes at /docs and /openapi.json."
        )
        return answer(None, status=404, message=words, headers=headers)
    words = f"{problem.name}: {request.method} {request.path[:200]}. {problem.description}"
    return answer(None, status=problem.code or 500, message=words, headers=headers)


def _broken_body(problem: Exception) -> Response:
    words = f"The body can't be read to its end: {str(problem)[:300]}"
    return answer(None, status=400, message=words)


def _fault(problem: Exception) -> Response:
    log.exception("%r %r", request.method, request.path, exc_info=problem)
    words = f"The service failed on this request ({type(problem).__name__}); its log says more."
    return answer(None, status=500, message=words)
