"""``/api/targets``: the files under a key, and dropping a result."""

from __future__ import annotations

import mimetypes
from datetime import datetime, timezone

from flask import Blueprint, Response, redirect, request

from datanectar.errors import BadRequest, NotFound
from datanectar.http import links
from datanectar.http.envelope import json_response
from datanectar.http.file_responses import send_plain
from datanectar.http.serializers import folder_data
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
        key, name, path = _key_and_name(target)
        if path == "":
            return json_response(folder_data(key, service.results.folder(key, name)))
        file = _file(service, key, name, path)
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


def _file(service: Service, key: Key, name: str, path: str | None) -> ResultFile:
    """Return a file of a key; with a ``path``, that file in the folder ``name``."""
    if path is None:
        return service.results.file(key, name)
    for file in service.results.folder(key, name).files():
        if file.name == f"{name}/{path}":
            return file
    raise NotFound(f"The folder {name[:100]} of {key} has no file {path[:200]}.")


def _key_and_name(target: str) -> tuple[Key, str, str | None]:
    """Return key and name of ``<key>/<name>``; authors may choose any name.

    The third value is the path in ``<key>/<folder>/<path>``, empty for the folder itself; else None.

    Raises:
        BadRequest: when the key is malformed, or no file is named.
    """
    parts = target.removeprefix("/").split("/", 5)
    key = parse_key("/".join(parts[:5]))
    if len(parts) < 6:
        raise BadRequest("Name a file: /api/targets/<key>/out.txt")
    name, slash, path = parts[5].partition("/")
    if name.startswith(".") or not name.isprintable():
        raise BadRequest(f"{name[:200]!r} is not a file name that a key can hold.")
    return key, name, path if slash else None


def _head(file: ResultFile) -> Response:
    """Return the response to a HEAD for a file in S3, with the headers that the file would have."""
    response = Response(mimetype=_media_type(file.name))
    response.headers.update(_SANDBOX)
    if file.size is not None:
        response.content_length = file.size
    response.last_modified = datetime.fromtimestamp(file.modified, timezone.utc)
    response.accept_ranges = "bytes"
    if file.etag:
        response.set_etag(file.etag.strip('"'))
    response.make_conditional(request)
    if file.size is None:  # werkzeug has counted the empty body
        response.headers.remove("Content-Length")
    return response


def _media_type(file: str) -> str:
    if file == LOG_FILE or file.startswith(f"{LOG_FILE}."):
        return "text/plain"
    kind, encoding = mimetypes.guess_type(file)
    if encoding:  # the file is sent as it is, compressed
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return kind or "application/octet-stream"
