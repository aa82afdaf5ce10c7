"""The checks before every request: where it comes from, whose it is, and the scope that it needs."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, g, redirect, request, session, url_for

from datanectar.access.accounts import Accounts
from datanectar.access.records import Account
from datanectar.errors import Unauthorized
from datanectar.http.envelope import wants_page
from datanectar.http.identity import audit, current, sessions, type_limits
from datanectar.http.identity.attempts import Attempts
from datanectar.http.origin_checks import (
    SAFE_METHODS,
    app_names,
    check_body_type,
    check_host,
    check_site,
)
from datanectar.http.proxy import FROM_PROXY, is_cors_request
from datanectar.http.request_params import check_query_text
from datanectar.service.service import Service
from datanectar.settings import Settings

#: The scope that each endpoint needs; None: no token. An endpoint that is not here needs ``admin``,
#: so that a new route is closed at first.
ENDPOINT_SCOPES = {
    **dict.fromkeys(
        (
            "health.alive",
            "health.ready",
            "login.ask",
            "login.enter",
            "login.leave",
            "login.oidc",
            "login.oidc_back",
            "static_files.static_file",
        ),
        None,
    ),
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
            "compare.both",
            "compare.choose",
            "docs.docs",
            "grid_page.events",
            "grid_page.grid",
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
            "lineage.of_result",
            "lineage.of_tasks",
            "lineage_page.of_all",
            "lineage_page.of_chain",
            "lineage_page.of_type",
            "lineage_result.result",
            "openapi.openapi",
            "result_list.results",
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
            "status.chaingraph",
            "logs.chainlog",
            "status.chainstatus",
            "targets.send",
            "tasks.form",
            "whoami.whoami",
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
            "grid_page.backfill",
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
        (
            "lineage.drop",
            "lineage_result.drop",
            "result_list.drop",
            "runs_page.drop",
            "runs_page.rerun",
            "settings_page.in_force",
            "targets.drop",
            "webhooks.add",
            "webhooks.every_webhook",
            "webhooks.one",
            "webhooks.remove",
            "webhooks.retry",
            "webhooks.test",
            "webhooks_page.add",
            "webhooks_page.events",
            "webhooks_page.every_webhook",
            "webhooks_page.remove",
            "webhooks_page.retry",
            "webhooks_page.test",
        ),
        "admin",
    ),
}


#: What tells how the service is, to everybody.
_PROBES = ("health.alive", "health.ready")


def protect(app: Flask, settings: Settings, service: Service, accounts: Accounts) -> None:
    """Check every request of the app: host, origin, text, body type, account, scope and types."""
    app.extensions["datanectar.accounts"] = accounts
    sessions.prepare(app, settings, accounts)
    gate, names = _Gate(settings, accounts), app_names(settings)

    @app.before_request
    def check() -> Response | None:
        check_host(names)
        check_query_text()
        origin = request.headers.get("Origin", "")
        if not is_cors_request(origin, request.path, settings):
            check_site()
        elif request.method == "OPTIONS":  # a preflight request never has a token (Fetch, 3.2.2)
            return None
        if request.endpoint in _PROBES:  # answered also while the store, which has accounts, hangs
            return None
        if request.method not in SAFE_METHODS:
            check_body_type()
        response = gate.check()
        type_limits.check(service)
        return response

    audit.prepare(app, settings.audit_log, accounts)


class _Gate:
    """Finds the account that sends a request, and compares its scope with what the route needs."""

    def __init__(self, settings: Settings, accounts: Accounts) -> None:
        self._settings, self._accounts = settings, accounts
        self.attempts = Attempts(settings.login_attempts)

    def check(self) -> Response | None:
        """Refuse the request, or return the way to the login; None: it may go on.

        Raises:
            Unauthorized: when it needs an account and has none.
            Forbidden: when its account's scope is too small, or the page's token is missing.
            TooManyAttempts: when its address has sent too many wrong tokens.
        """
        g.attempts = self.attempts
        if self._accounts.is_open():
            return None
        needed = _needed_scope()
        account = self._account()
        if account is not None and needed is not None:
            current.require_scope(needed)
        if account is None and needed is not None:
            return self._ask()
        return None

    def _account(self) -> Account | None:
        """Return the account that the request has proof of: by a token, a proxy's word or a session."""
        token = _sent_token()
        if token is not None:
            self.attempts.check(request.remote_addr or "")
            return self._take(lambda: self._accounts.by_token(token))
        name = request.headers.get(self._settings.user_header or "-", "")
        if name and request.environ.get(FROM_PROXY):
            return self._take(lambda: self._accounts.by_word(name))
        secret = session.get("id")
        account = self._take(lambda: self._accounts.by_session(secret)) if secret else None
        is_of_page = account is not None or request.endpoint == "login.enter"
        if is_of_page and request.method not in SAFE_METHODS:
            sessions.check_csrf()
        return account

    def _take(self, find: Callable[[], Account | None]) -> Account | None:
        current.set_account(find(), again=find)
        return current.account()

    def _ask(self) -> Response | None:
        """Send a browser to the login page; refuse others."""
        g.tried = request.authorization is not None
        if g.tried:
            self.attempts.fail(request.remote_addr or "")
        elif wants_page() and request.method in ("GET", "HEAD"):
            place = request.full_path.rstrip("?")
            return redirect(url_for("login.ask", next=place if place != "/" else None), 303)  # type: ignore[return-value]
        raise Unauthorized(
            "This app wants a token: send Authorization: Bearer <token>, or log in at /login.",
            headers={"WWW-Authenticate": 'Bearer realm="datanectar"'},
        )


def _sent_token() -> str | None:
    """Return the bearer token, or the password of Basic; None: the request has neither."""
    sent = request.authorization
    if sent is None:
        return None
    return (sent.token if sent.type == "bearer" else sent.password) or ""


def _needed_scope() -> str | None:
    """Return the scope that the request needs, by the endpoint that Flask has routed it to."""
    if request.endpoint is None:  # no such route
        return "read"
    needed = ENDPOINT_SCOPES.get(request.endpoint, "admin")
    return "read" if needed and request.method == "OPTIONS" else needed
