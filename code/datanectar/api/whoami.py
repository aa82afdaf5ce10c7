"""``/api/whoami``: whose the request is, and what that account may."""

from __future__ import annotations

from flask import Blueprint, Response

from datanectar.http.envelope import iso_time, json_response
from datanectar.http.identity import current


def blueprint() -> Blueprint:
    """Return the route."""
    routes = Blueprint("whoami", __name__, url_prefix="/api")

    @routes.get("/whoami")
    def whoami() -> Response:
        account = current.account()
        if account is None:  # an app without accounts: everybody may do everything
            return json_response(
                {"name": None, "kind": None, "scope": "admin", "types": None, "expires": None}
            )
        return json_response(
            {
                "name": account.name,
                "kind": account.kind,
                "scope": account.scope,
                "types": account.types,
                "expires": iso_time(account.expires),
            }
        )

    return routes
