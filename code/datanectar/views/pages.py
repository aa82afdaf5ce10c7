"""What all pages share: rendering, headers, static files and the error page; and the page ``/docs``."""

from __future__ import annotations

import hashlib
import re
import shlex
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request, send_from_directory

from datanectar.http.envelope import wants_page
from datanectar.http.identity import current, sessions
from datanectar.settings.sizes import size_in_words
from datanectar.views import wording

STATIC = Path(__file__).parents[1] / "static"

#: The Content-Security-Policy of pages: only this app's own files, no inline script or style, no
#: frame but those of results.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: The Content-Security-Policy of all other responses.
_NO_PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'"

#: What begins an address of this app in HTML.
_ADDRESS = r'\b(?:href|action|formaction|src|data-live)="/'
#: A year in seconds: a file's address changes with its content.
_FOREVER = 31_536_000


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a template rendered with ``values`` as a page."""
    return Response(_encoded(template, **values), status=status, mimetype="text/html")


def rendered(template: str, **values: Any) -> str:
    """Return a rendered template; its addresses of this app begin with the prefix of a proxy, if any."""
    html, prefix = render_template(template, **values), request.script_root
    if not prefix:
        return html
    # Templates and views write plain paths: none can forget the prefix. `url_for` has put it there.
    return re.sub(rf'{_ADDRESS}(?!/|{re.escape(prefix[1:])}[/"?#])', rf"\g<0>{prefix[1:]}/", html)


def _encoded(template: str, **values: Any) -> bytes:
    """Return a rendered template as UTF-8; lone surrogates become question marks."""
    return rendered(template, **values).encode(errors="replace")


def confirmed(action: str, words: str, *, back: str) -> Response | None:
    """Return the page that asks whether to do what the request's form says; None if that is confirmed.

    With scripts a dialog asks first, and its answer is in the form (``static/dialogs.js``).

    Args:
        action: what the button says that does it.
        words: what is asked.
        back: the address of the page to return to.
    """
    if request.form.get("sure"):
        return None
    return page("confirm.html", action=action, words=words, back=back, fields=request.form)


def docs() -> Blueprint:
    """Return the route of ``/docs``: a script builds the API's page from ``/openapi.json``."""
    routes = Blueprint("docs", __name__)

    @routes.get("/docs")
    def docs() -> Response:
        return page("docs.html")

    return routes


def static_files() -> Blueprint:
    """Return the route of the styles, the scripts and the icon.

    The version is a folder of the address, so that a script that imports another by its relative
    path gets the same version of it, and the same copy as the page.
    """
    routes = Blueprint("static_files", __name__)

    @routes.get("/static/<version>/<path:name>")
    def static_file(version: str, name: str) -> Response:
        is_current = version == static_version()
        return send_from_directory(STATIC, name, max_age=_FOREVER if is_current else 0)

    return routes


@lru_cache(maxsize=1)
def static_version() -> str:
    """Return a text that changes when any static file does."""
    content = b"".join(file.read_bytes() for file in sorted(STATIC.rglob("*.*")))
    return hashlib.sha256(content).hexdigest()[:12]


def prepare(app: Flask) -> None:
    """Add the template filters, the headers and the error page to the app."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for name in ("exactly", "to_the_minute", "machine_time", "lasting", "first_line"):
        app.jinja_env.filters[name] = getattr(wording, name)
    app.jinja_env.filters["size"] = size_in_words
    app.jinja_env.filters["shell_quoted"] = shlex.quote
    app.jinja_env.globals["now"] = time.time
    app.jinja_env.globals |= {"csrf": sessions.csrf_field, "may": current.may}
    app.jinja_env.globals |= {"account": current.account, "is_open": current.is_open}
    app.jinja_env.globals["server_zone"] = wording.server_zone
    app.jinja_env.globals["static"] = lambda name: f"/static/{static_version()}/{name}"
    app.after_request(_add_headers)  # runs last: Flask starts with the one registered last
    app.after_request(_error_page)
    app.after_request(_redirect_under_prefix)


def _redirect_under_prefix(response: Response) -> Response:
    target, prefix = response.headers.get("Location", ""), request.script_root
    if prefix and target.startswith("/") and not f"{target}/".startswith(f"{prefix}/"):
        response.headers["Location"] = prefix + target
    return response


def _error_page(response: Response) -> Response:
    """Turn a JSON error for a browser into a page with the same status, message and headers."""
    if response.status_code < 400 or response.mimetype != "application/json" or not wants_page():
        return response
    words = (response.get_json(silent=True) or {}).get("message", "")
    response.set_data(
        _encoded("error.html", status=response.status_code, words=words, path=request.path)
    )
    response.mimetype = "text/html"
    return response


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY)
        # With no-referrer, browsers would send `Origin: null` with our own forms.
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-cache")
    response.headers.setdefault("Content-Security-Policy", _NO_PAGE_POLICY)
    return response
