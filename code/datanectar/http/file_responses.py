"""Responses with one file of this host: all of it, a range, or 304 when it is unchanged."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified
from werkzeug.wsgi import wrap_file

from datanectar.errors import NotFound
from datanectar.storage.plain import open_plain

#: Bytes read of a file at a time where the operating system does not send it by itself.
_PIECE = 64 * 1024


def send_plain(path: Path, media_type: str, missing: str) -> Response:
    """Return a plain file as the response to the current request.

    Conditional requests and a single range of bytes are supported. A request for several ranges gets
    the whole file, as HTTP allows (RFC 9110, 14.2).

    Args:
        path: the file.
        media_type: its media type.
        missing: the error message when there is no such plain file; a link or a device is none.

    Raises:
        NotFound: when there is no such plain file.
        RequestedRangeNotSatisfiable: when the range begins beyond its end.
    """
    try:
        stream = open_plain(path)
    except FileNotFoundError as problem:
        raise NotFound(missing) from problem
    try:
        response = _described(path, media_type, os.fstat(stream.fileno()))
        stream.seek(_choose_range(response))
    except BaseException:
        stream.close()
        raise
    response.response = wrap_file(request.environ, stream, _PIECE)
    return response


def _described(path: Path, media_type: str, found: os.stat_result) -> Response:
    response = Response(mimetype=media_type, direct_passthrough=True)
    response.content_length = found.st_size
    response.set_etag(f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}")
    response.last_modified = found.st_mtime  # type: ignore[assignment]
    response.accept_ranges = "bytes"
    response.cache_control.no_cache = True
    response.headers.set("Content-Disposition", "inline", filename=path.name)
    response.make_conditional(request.environ)
    return response


def _choose_range(response: Response) -> int:
    """Limit the response to the requested range; return the offset at which it begins."""
    asked, size = request.range, response.content_length
    if response.status_code != 200 or not size or not _may_be_part(response):
        return 0
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return 0
    start, end = asked.ranges[0]
    start = start if start >= 0 else max(0, size + start)
    end = size if end is None else min(end, size)
    if start >= end:
        raise RequestedRangeNotSatisfiable(size)
    response.status_code = 206
    response.content_range.set(start, end, size)
    response.content_length = end - start
    return start


def _may_be_part(response: Response) -> bool:
    """Tell whether a range may be sent: for a GET, and an ``If-Range`` that matches the file."""
    headers = response.headers
    return request.method == "GET" and not (
        "If-Range" in request.headers
        and is_resource_modified(
            request.environ,
            headers.get("ETag"),
            last_modified=headers.get("Last-Modified"),
            ignore_if_range=False,
        )
    )
