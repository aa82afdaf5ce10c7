"""API tokens and their scopes: which token a request needs, and the checks before every request."""

from __future__ import annotations

import hmac

from flask import Flask, g, request

from datanectar.errors import Forbidden, StartupError, Unauthorized
from datanectar.http.origin_checks import (
    SAFE_METHODS,
    app_names,
    check_body_type,
    check_host,
    check_site,
)
from datanectar.http.proxy import is_cors_request
from datanectar.http.request_params import check_query_text
from datanectar.settings import Settings

#: Each scope includes those before it.
SCOPES = ("read", "run", "admin")

#: The scope that each endpoint needs; None: no token. An endpoint that is not here needs ``admin``,
#: so that a new route is closed at first.
ENDPOINT_SCOPES = {
    **dict.fromkeys(("health.alive", "health.ready"), None),
    **dict.fromkeys(
        (
            "backfills.every_backfill",
            "backfills.one",
            "backfills_page.every_backfill",
            "backfills_page.events",
            "backfills_page.one",
            "chain_page.chain",
            "chains.chains_of_type",
            "chains.every_chain",
            "chains.key",
            "chains.key_by_short_form",
            "chains.one_chain",
            "chains.one_task",
            "docs.docs",
            "guide.file",
            "guide.start",
            "health.metrics",
            "history_page.history",
            "history_page.events",
            "history_page.table",
            "home.home",
            "home.of_type",
            "home.events",
            "home.events_of_type",
            "openapi.openapi",
            "results.frame",
            "results.picture",
            "results.result",
            "results.table",
            "runs.history",
            "runs.one",
            "schedules.every_schedule",
            "schedules_page.events",
            "schedules_page.every_schedule",
            "runs_page.events",
            "runs_page.run",
            "static_files.static_file",
            "status.chaingraph",
            "logs.chainlog",
            "status.chainstatus",
            "targets.send",
            "tasks.form",
            "workers_page.events",
            "workers_page.every_worker",
        ),
        "read",
    ),
    **dict.fromkeys(
        (
            "backfills.cancel",
            "backfills.retry",
            "backfills.start",
            "backfills_page.cancel",
            "backfills_page.retry",
            "backfills_page.start",
            "chains.run",
            "chains.run_by_short_form",
            "runs.cancel",
            "runs.rerun",
            "schedules.pause",
            "schedules.resume",
            "schedules_page.pause",
            "schedules_page.resume",
            "runs_page.again",
            "runs_page.cancel",
            "history_page.change",
            "tasks.graph",
            "tasks.key",
            "tasks.run",
        ),
        "run",
    ),
    **dict.fromkeys(
        ("runs_page.drop", "runs_page.rerun", "settings_page.in_force", "targets.drop"), "admin"
    ),
}


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
        """Return a token's scope, or None; takes equally long whichever token matches."""
        found = None
        for known, scope in self._scopes:
            if hmac.compare_digest(known, token.encode()):
                found = scope
        return found


def check_start(settings: Settings) -> None:
    """Refuse to start when others could reach the app without a token, or when a token is unusable.

    Raises:
        StartupError: naming the ways out.
    """
    Tokens(settings.tokens)
    if not settings.on_loopback and not settings.tokens:
        raise StartupError(
            f"DATANECTAR_HOST={settings.host} can be reached from outside this machine: set "
            "DATANECTAR_TOKENS (openssl rand -hex 24), or listen on 127.0.0.1."
        )


def protect(app: Flask, settings: Settings) -> None:
    """Check every request of the app: host, origin, text, body type and token."""
    tokens, names = Tokens(settings.tokens), app_names(settings)

    @app.before_request
    def check() -> None:
        check_host(names)
        check_query_text()
        origin = request.headers.get("Origin", "")
        if not is_cors_request(origin, request.path, settings):
            check_site()
        elif request.method == "OPTIONS":  # a preflight request never has a token (Fetch, 3.2.2)
            return
        if request.method not in SAFE_METHODS:
            check_body_type()
        if tokens:
            _check_token(tokens, _needed_scope())


def require_scope(needed: str) -> None:
    """Refuse the request unless its token has this scope: for one whose options do more than its route.

    Raises:
        Forbidden: naming the scopes.
    """
    if "scope" in g:  # without tokens, everybody may do everything
        _compare(g.scope, needed)


def may(scope: str) -> bool:
    """Tell whether the request's token has this scope: a page shows no button that is refused."""
    return "scope" not in g or SCOPES.index(g.scope) >= SCOPES.index(scope)


def _check_token(tokens: Tokens, needed: str | None) -> None:
    if needed is None:
        return
    scope = tokens.scope(_sent_token())
    if scope is None:
        raise Unauthorized(
            "This app wants a token: send Authorization: Bearer <token>.",
            headers={"WWW-Authenticate": 'Basic realm="datanectar", charset="UTF-8"'},
        )
    g.scope = scope
    _compare(scope, needed)


def _compare(scope: str, needed: str) -> None:
    if SCOPES.index(scope) < SCOPES.index(needed):
        raise Forbidden(f"This token may {scope}; this request needs one that may {needed}.")


def _sent_token() -> str:
    """Return the bearer token, or the password of Basic, for which browsers can ask the user."""
    sent = request.authorization
    if sent is None:
        return ""
    return (sent.token if sent.type == "bearer" else sent.password) or ""


def _needed_scope() -> str | None:
    """Return the scope that the request needs, by the endpoint that Flask has routed it to."""
    if request.endpoint is None:  # no such route
        return "read"
    needed = ENDPOINT_SCOPES.get(request.endpoint, "admin")
    return "read" if needed and request.method == "OPTIONS" else needed
