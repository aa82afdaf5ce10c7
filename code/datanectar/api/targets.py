"""``/api/targets``: the files under a key, and dropping a result."""

from __future__ import annotations

import mimetypes
from datetime import datetime, timezone

from flask import Blueprint, Response, redirect, request

from datanectar.errors import BadRequest
from datanectar.http import links
from datanectar.http.envelope import json_response
from datanectar.http.file_responses import send_plain
from datanectar.keys import LOG_FILE, Key, parse_key
from datanectar.service.result_file import ResultFile
from datanectar.service.service import Service

#: A chain's author wrote the result: a browser that shows it must not let it act as a page of this
#: app.
_SANDBOX = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/targets``."""
    routes = Blueprint("targets", __name__, url_prefix="/api/targets")

    @routes.get("/<path:target>")
    def send(target: str) -> Response:
        key, name = _key_and_name(target)
        file = service.results.file(key, name)
        if file.path is not None:
            missing = f"{key} has no file {name}."
            response = send_plain(file.path, _media_type(file.name), missing)
            response.headers.update(_SANDBOX)
            return response
        if request.method == "HEAD":  # the method is part of a presigned URL's signature
            return _head(file)
        link = file.link(links.STATUS_LINK_LIFE)
        if link is None:  # its store gives out no URLs
            response = _head(file)
            if response.status_code == 200:
                response.response = file.read()
                response.accept_ranges = "none"
            return response
        return redirect(link.url, 302)  # type: ignore[return-value]

    @routes.delete("/<path:target>")
    def drop(target: str) -> Response:
        key = parse_key(target)
        return json_response({"key": str(key), "dropped": service.drop(key)})

    return routes


def _key_and_name(target: str) -> tuple[Key, str]:
    """Return key and name of ``<key>/<name>``; authors may choose any name.

    Raises:
        BadRequest: when the key is malformed, or no file is named.
    """
    parts = target.strip("/").split("/", 5)
    key = parse_key("/".join(parts[:5]))
    if len(parts) < 6:
        raise BadRequest("Name a file: /api/targets/<key>/out.txt")
    name = parts[5]
    if "/" in name or name.startswith(".") or not name.isprintable():
        raise BadRequest(f"{name[:200]!r} is not a file name that a key can hold.")
    return key, name


def _head(file: ResultFile) -> Response:
    """Return the response to a HEAD for a file in S3, with the headers that the file would have."""
    response = Response(mimetype=_media_type(file.name))
    response.headers.update(_SANDBOX)
    response.content_length = file.size
    response.last_modified = datetime.fromtimestamp(file.modified, timezone.utc)
    response.accept_ranges = "bytes"
    if file.etag:
        response.set_etag(file.etag.strip('"'))
    response.make_conditional(request)
    return response


def _media_type(file: str) -> str:
    if file == LOG_FILE or file.startswith(f"{LOG_FILE}."):
        return "text/plain"
    kind, encoding = mimetypes.guess_type(file)
    if encoding:  # the file is sent as it is, compressed
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return kind or "application/octet-stream"
