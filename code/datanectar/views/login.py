"""``/login`` and ``/logout``: a browser's session, by a token, a password or an OpenID provider."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import Blueprint, Response, g, redirect, request, session

from datanectar.access.accounts import Accounts
from datanectar.access.records import Account
from datanectar.errors import DatanectarError, Unauthorized
from datanectar.http.identity import current, sessions
from datanectar.http.identity.oidc import Oidc
from datanectar.settings import Settings
from datanectar.views.pages import page

#: A path of this app. Browsers take `//` and `/\` for the beginning of another host's address.
_OWN_PLACE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


def blueprint(settings: Settings, accounts: Accounts) -> Blueprint:
    """Return the page, the target of its form, the way out, and the way by an OpenID provider."""
    routes = Blueprint("login", __name__)

    @routes.get("/login")
    def ask() -> Response:
        return _form(settings)

    @routes.post("/login")
    def enter() -> Response:
        try:
            account = _account(accounts)
        except DatanectarError as problem:
            return _form(settings, problem)
        return _enter(accounts, account, request.form.get("next", ""))

    @routes.post("/logout")
    def leave() -> Response:
        sessions.log_out(accounts)
        return redirect(_address("/login"), 303)  # type: ignore[return-value]

    if settings.oidc_issuer:
        _add_oidc(routes, settings, accounts)
    return routes


def _add_oidc(routes: Blueprint, settings: Settings, accounts: Accounts) -> None:
    provider = Oidc(settings)

    @routes.get("/login/oidc")
    def oidc() -> Response:
        session["next"] = own_place(request.args.get("next", ""))
        return redirect(provider.begin(_address_back()), 303)  # type: ignore[return-value]

    @routes.get("/login/oidc/back")
    def oidc_back() -> Response:
        place, g.audited = session.get("next", "/"), True
        try:
            g.claims = name = provider.end(_address_back())
            account = accounts.by_word(name)
            if account is None:
                raise Unauthorized(f"{name[:100]} may not use this app; its admins can let you in.")
        except DatanectarError as problem:
            return _form(settings, problem)
        return _enter(accounts, account, place)


def own_place(text: str) -> str:
    """Return the path to go to after the login, if it is one of this app; else the first page's."""
    return text if _OWN_PLACE.fullmatch(text) else "/"


def _account(accounts: Accounts) -> Account:
    """Return the account that the form has proof of.

    Raises:
        Unauthorized: when it has none; it does not say which part is wrong.
        TooManyAttempts: when the address has been wrong too often.
    """
    address, token = request.remote_addr or "", request.form.get("token", "").strip()
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    g.claims = name[:100] or None
    g.attempts.check(address)
    account = accounts.by_token(token) if token else accounts.by_password(name, password)
    if account is None:
        g.attempts.fail(address)
        raise Unauthorized(
            "This token is unknown, has expired or been revoked."
            if token
            else "There is no such user, or the password is another one."
        )
    return account


def _enter(accounts: Accounts, account: Account, place: str) -> Response:
    sessions.log_in(accounts, account)
    current.set_account(account)
    return redirect(_address(own_place(place)), 303)  # type: ignore[return-value]


def _form(settings: Settings, problem: DatanectarError | None = None) -> Response:
    session.setdefault("csrf", secrets.token_urlsafe(32))
    values: dict[str, Any] = {
        "next": own_place(request.values.get("next", "")),
        "name": request.form.get("name", ""),
        "with_oidc": bool(settings.oidc_issuer),
    }
    response = page(
        "login.html", status=problem.status if problem else 200, problem=problem, **values
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(problem.headers if problem else {})
    return response


def _address(path: str) -> str:
    return request.script_root + path


def _address_back() -> str:
    return request.url_root.rstrip("/") + "/login/oidc/back"
