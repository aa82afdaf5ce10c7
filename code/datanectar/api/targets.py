"""``/api/targets``: the files under a key, and dropping a result."""

from __future__ import annotations

import mimetypes

from flask import Blueprint, Response, redirect

from datanectar.api import files, links
from datanectar.api.answer import answer
from datanectar.errors import BadRequest
from datanectar.execution.service import Service
from datanectar.keys import LOG_FILE, parse_key, parse_target
from datanectar.storage.local import LocalStorage

#: A result is an author's: shown under this app's address, it must not act in this app's name.
_HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/targets``."""
    routes = Blueprint("targets", __name__, url_prefix="/api/targets")

    @routes.get("/<path:target>")
    def give(target: str) -> Response:
        key, file = parse_target(target)
        if file is None:
            raise BadRequest("Name a file: /api/targets/<key>/out.txt")
        storage = service.storage_of(key)
        if not isinstance(storage, LocalStorage):
            link = links.result_link("s3", key, file, links.STATUS_LINK_LIFE)
            return redirect(link.url, 302)  # type: ignore[return-value]
        missing = f"{key} has no file {file}."
        response = files.send_plain(storage.path(key, file), _kind(file), missing)
        response.headers.update(_HARMLESS)
        return response

    @routes.delete("/<path:target>")
    def drop(target: str) -> Response:
        key = parse_key(target)
        return answer({"key": str(key), "dropped": service.drop(key)})

    return routes


def _kind(file: str) -> str:
    if file == LOG_FILE or file.startswith(f"{LOG_FILE}."):
        return "text/plain"
    kind, encoding = mimetypes.guess_type(file)
    if encoding:  # the file is given out as it is, packed
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return kind or "application/octet-stream"
