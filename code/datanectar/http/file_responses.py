"""Giving out one file of this host: whole, a range of it, or not again when it is unchanged."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified
from werkzeug.wsgi import wrap_file

from datanectar.errors import NotFound
from datanectar.storage.plain import open_plain

#: What is read of a file at a time where the system does not send it by itself, in bytes.
_PIECE = 64 * 1024


def send_plain(path: Path, media_type: str, missing: str) -> Response:
    """Return a plain file as the answer to the current request.

    Its conditions are heeded, and a range of bytes. Several ranges are answered with the whole file,
    as HTTP allows. What is sent is read from where the range begins.

    Args:
        path: the file.
        media_type: what it is.
        missing: the words for the client when there is none; a link or a device is none.

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
    """Let the answer be the part that is asked for; return where in the file it begins."""
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
    """Tell whether the request may be answered in part: it reads, and means the file as it is."""
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
