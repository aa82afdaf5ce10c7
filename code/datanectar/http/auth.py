"""Who may ask for what: hosts, origins, content types and tokens, checked before every request.

Loopback is no wall: a page in the user's browser can send requests to it, and by DNS rebinding
under a name of its own. So the ``Host`` must be ours, and a change must not come from a foreign
page.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from flask import Flask, request

from datanectar.errors import Forbidden, StartupError, Unauthorized, UnsupportedMediaType
from datanectar.http.request_params import check_query_text
from datanectar.settings import Settings, is_loopback

#: Each scope includes those before it.
SCOPES = ("read", "run", "admin")

#: What every endpoint needs. One that is not here needs ``admin``: a new route is closed at first.
NEEDED = {
    **dict.fromkeys(("ops.alive", "ops.ready"), None),
    **dict.fromkeys(
        (
            "chains.chains_of_type",
            "chains.every_chain",
            "chains.key",
            "chains.key_by_short_form",
            "chains.one_chain",
            "chains.one_task",
            "docs.docs",
            "history_page.history",
            "home.home",
            "home.live",
            "openapi.openapi",
            "ops.metrics",
            "results.picture",
            "results.result",
            "runs.history",
            "runs.one",
            "runs_page.live",
            "runs_page.run",
            "static_files.static_file",
            "status.chaingraph",
            "status.chainlog",
            "status.chainstatus",
            "targets.give",
            "tasks.form",
        ),
        "read",
    ),
    **dict.fromkeys(
        (
            "chains.run",
            "chains.run_by_short_form",
            "runs.cancel",
            "runs_page.again",
            "runs_page.cancel",
            "tasks.key",
            "tasks.run",
        ),
        "run",
    ),
    **dict.fromkeys(("runs_page.drop", "targets.drop"), "admin"),
}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_BODY_TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


class Tokens:
    """The tokens of ``DATANECTAR_TOKENS`` with their scopes.

    Args:
        entries: ``<token>`` or ``<token>:<scope>`` each.

    Raises:
        StartupError: when a scope is unknown or a token is too short to be a secret.
    """

    def __init__(self, entries: tuple[str, ...]) -> None:
        self._scopes: list[tuple[bytes, str]] = []
        for number, entry in enumerate(entries, 1):
            token, _, scope = entry.partition(":")
            if scope not in ("", *SCOPES):
                raise StartupError(
                    f"DATANECTAR_TOKENS: what follows the colon in entry {number} is no scope; "
                    f"there are {', '.join(SCOPES)}."
                )
            if len(token) < 16:
                raise StartupError(
                    f"DATANECTAR_TOKENS: entry {number} is shorter than 16 characters; "
                    "make one with: openssl rand -hex 24"
                )
            self._scopes.append((token.encode(), scope or "admin"))

    def __bool__(self) -> bool:
        return bool(self._scopes)

    def scope(self, token: str) -> str | None:
        """Return the token's scope. Takes equally long whichever token matches, or none."""
        found = None
        for known, scope in self._scopes:
            if hmac.compare_digest(known, token.encode()):
                found = scope
        return found


def check_start(settings: Settings) -> None:
    """Refuse to start where others could reach the app without a token, or with one that is none.

    Raises:
        StartupError: naming the ways out.
    """
    Tokens(settings.tokens)
    if not settings.on_loopback and not settings.tokens:
        raise StartupError(
            f"DATANECTAR_HOST={settings.host} can be reached from outside this machine: set "
            "DATANECTAR_TOKENS (openssl rand -hex 24), or listen on 127.0.0.1."
        )


def guard(app: Flask, settings: Settings) -> None:
    """Have every request of the app checked."""
    tokens = Tokens(settings.tokens)
    own = ("localhost", settings.host, settings.node, *settings.allowed_hosts)
    names = {name.lower() for name in own}

    @app.before_request
    def check() -> None:
        _check_host(names)
        check_query_text()
        _check_site()
        if request.method not in _SAFE_METHODS:
            _check_body_type()
        if tokens:
            _check_token(tokens, _needed_scope())


def _check_host(names: set[str]) -> None:
    name = _host_name(request.host)
    if name in names or _is_address(name):  # an address can't be rebound to another machine
        return
    raise Forbidden(
        f"This app is not served under the name {name[:100]!r}. "
        "If it is meant to be, add it to DATANECTAR_ALLOWED_HOSTS."
    )


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets around what is no IPv6 address
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_site() -> None:
    """Refuse what a page of another site asks for; only a visit may come from there, by a link."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "").strip().lower()
    is_foreign = site not in ("", "none", "same-origin")
    if is_foreign and request.method in _SAFE_METHODS and _is_visit():
        is_foreign = False
    if is_foreign or (origin is not None and not _is_own(origin)):
        raise Forbidden("A page of another site asked for this; only this app's own pages may.")


def _is_own(origin: str) -> bool:
    scheme, _, host = origin.lower().partition("://")
    if host != request.host.lower():
        return False
    # Beside this app nothing serves its port; before it, a proxy may speak TLS under its name.
    is_behind_proxy = scheme == "https" and not is_loopback(_host_name(host))
    return scheme == request.scheme or is_behind_proxy


def _is_visit() -> bool:
    """Tell whether a browser asks for a page of its own, not for a part of another one."""
    mode = request.headers.get("Sec-Fetch-Mode", "").strip().lower()
    place = request.headers.get("Sec-Fetch-Dest", "document").strip().lower()
    return mode == "navigate" and place == "document"


def _check_body_type() -> None:
    given = request.mimetype
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if (given or has_body) and given not in _BODY_TYPES:
        raise UnsupportedMediaType(
            f"The body is {given[:100] or 'of no stated type'}; parameters come in the query string, as a form "
            "(application/x-www-form-urlencoded) or as a JSON object (application/json)."
        )


def _check_token(tokens: Tokens, needed: str | None) -> None:
    if needed is None:
        return
    scope = tokens.scope(_given_token())
    if scope is None:
        raise Unauthorized(
            "This app wants a token: send Authorization: Bearer <token>.",
            headers={"WWW-Authenticate": 'Basic realm="datanectar", charset="UTF-8"'},
        )
    if SCOPES.index(scope) < SCOPES.index(needed):
        raise Forbidden(f"This token may {scope}; this request needs one that may {needed}.")


def _given_token() -> str:
    """Return the bearer token, or the password of basic authentication, which browsers can ask for."""
    given = request.authorization
    if given is None:
        return ""
    return (given.token if given.type == "bearer" else given.password) or ""


def _needed_scope() -> str | None:
    """Return the scope that the request needs, by what it is routed to, however that was spelt."""
    if request.endpoint is None:  # nothing is there
        return "read"
    needed = NEEDED.get(request.endpoint, "admin")
    return "read" if needed and request.method == "OPTIONS" else needed
