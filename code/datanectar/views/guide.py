"""The guide at ``/docs/guide``: the documentation as Sphinx has built it (``make docs``)."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from flask import Blueprint, Response, redirect, request, send_from_directory

from datanectar.errors import NotFound

GUIDE = Path(__file__).parents[1] / "guide"

#: A script that stands in a page; one with ``src`` is a file.
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]* src=)[^>]*>(.*?)</script>", re.DOTALL)


def blueprint() -> Blueprint:
    """Return the routes of the guide's files."""
    routes = Blueprint("guide", __name__)

    @routes.get("/docs/guide")
    def start() -> Response:
        return redirect(f"{request.path}/")  # type: ignore[return-value]

    @routes.get("/docs/guide/", defaults={"name": "index.html"})
    @routes.get("/docs/guide/<path:name>")
    def file(name: str) -> Response:
        return _send(name)

    return routes


def _send(name: str) -> Response:
    if not (GUIDE / "index.html").is_file():
        raise NotFound("The guide is not built here. Build it by `make docs`, or read docs/*.md.")
    response = send_from_directory(GUIDE, name, max_age=0)
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = _policy((GUIDE / name).read_bytes())
    return response


def _policy(page: bytes) -> str:
    """Return the Content-Security-Policy of a page: own files, and the scripts that stand in it.

    Furo has two of these, and styles in attributes, which no hash can name.
    """
    digests = {hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page)}
    scripts = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
