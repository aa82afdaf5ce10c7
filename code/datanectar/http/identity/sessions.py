"""Sessions of browsers: a signed cookie, and the token against forged forms that goes with it.

The cookie is Flask's own, signed. It has the session's secret, of which the store has the digest: so
a session ends when it is logged out of, when it expires, or when its account is revoked.
"""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, request, session
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup
from werkzeug.datastructures import ImmutableMultiDict

from datanectar.access.accounts import Accounts
from datanectar.access.records import Account
from datanectar.errors import BadRequest, Forbidden
from datanectar.settings import Settings

#: The form's field with the token; a task's parameter can't be called so.
CSRF_FIELD, _CSRF_HEADER = "csrf-token", "X-CSRF-Token"


class _Interface(SecureCookieSessionInterface):
    """Flask's sessions; over TLS their cookie is never sent without."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Tell whether the cookie is for TLS alone."""
        return request.is_secure


def prepare(app: Flask, settings: Settings, accounts: Accounts) -> None:
    """Set up the cookie: it has the port in its name, as browsers keep no ports apart."""
    app.secret_key = accounts.store.shared_secret("cookies")
    app.session_interface = _Interface()
    app.config.update(
        SESSION_COOKIE_NAME=f"datanectar_{settings.port}",
        SESSION_COOKIE_PATH=settings.url_prefix or "/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",  # Strict would ask those who follow a link to log in again
    )


def log_in(accounts: Accounts, account: Account) -> None:
    """Begin a session; nothing stays of the one before, which somebody else may know."""
    log_out(accounts)
    session["id"] = accounts.begin_session(account)
    session["csrf"] = secrets.token_urlsafe(32)


def log_out(accounts: Accounts) -> None:
    """End the session, if there is one."""
    if "id" in session:
        accounts.end_session(session["id"])
    session.clear()


def csrf_field() -> Markup:
    """Return the hidden field that every form of a logged-in browser needs; else nothing."""
    token = session.get("csrf")
    if token is None:
        return Markup()
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


def check_csrf() -> None:
    """Refuse a change that no page of ours has sent; take the token out of the form.

    Raises:
        Forbidden: when the token is missing, or another session's.
    """
    try:
        sent = request.headers.get(_CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    except ValueError as problem:
        raise BadRequest(f"The form can't be read: {problem}.") from problem
    if not hmac.compare_digest(session.get("csrf", "").encode(), sent.encode()) or not sent:
        raise Forbidden("The page is from before you logged in: load it again.")
    rest = ((name, text) for name, text in request.form.items(multi=True) if name != CSRF_FIELD)
    request.form = ImmutableMultiDict(list(rest))
