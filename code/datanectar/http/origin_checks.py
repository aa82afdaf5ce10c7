"""Where a request may come from: its ``Host``, its ``Origin``, and the type of its body.

Listening on loopback alone protects nothing: a page in the user's browser can send requests to it,
under a name of its own by DNS rebinding. So the ``Host`` must be one of the app's names, and no other
site's page may cause a change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Set
from urllib.parse import urlsplit

from flask import request

from datanectar.errors import Forbidden, UnsupportedMediaType
from datanectar.settings import Settings, is_loopback

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_BODY_TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


def app_names(settings: Settings) -> Set[str]:
    """Return the host names under which the app may be reached, in small letters."""
    names = ("localhost", settings.host, settings.node, *settings.allowed_hosts)
    return {name.lower() for name in names}


def check_host(names: Set[str]) -> None:
    """Refuse a request whose ``Host`` is neither one of these names nor an address.

    Raises:
        Forbidden: naming the setting that allows the name.
    """
    name = _host_name(request.host)
    if name in names or _is_address(name):  # DNS can't rebind an address
        return
    raise Forbidden(
        f"This app is not served under the name {name[:100]!r}. "
        "If it is meant to be, add it to DATANECTAR_ALLOWED_HOSTS."
    )


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets around something that is no IPv6 address
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_site() -> None:
    """Refuse a request from another site's page, unless the user follows a link from there.

    Raises:
        Forbidden: when the request comes from another site's page.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "").strip().lower()
    is_foreign = site not in ("", "none", "same-origin")
    if is_foreign and request.method in SAFE_METHODS and _is_navigation():
        is_foreign = False
    if is_foreign or (origin is not None and not _is_own(origin)):
        raise Forbidden("A page of another site asked for this; only this app's own pages may.")


def _is_own(origin: str) -> bool:
    scheme, _, host = origin.lower().partition("://")
    if host != request.host.lower():
        return False
    # Nothing else serves this app's port. A proxy in front of it may serve its name over TLS.
    is_behind_proxy = scheme == "https" and not is_loopback(_host_name(host))
    return scheme == request.scheme or is_behind_proxy


def _is_navigation() -> bool:
    """Tell whether the browser opens a page, and does not load a part of another page."""
    mode = request.headers.get("Sec-Fetch-Mode", "").strip().lower()
    destination = request.headers.get("Sec-Fetch-Dest", "document").strip().lower()
    return mode == "navigate" and destination == "document"


def check_body_type() -> None:
    """Refuse a body that is neither a form nor JSON.

    Raises:
        UnsupportedMediaType: naming the types that are read.
    """
    media_type = request.mimetype
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if (media_type or has_body) and media_type not in _BODY_TYPES:
        raise UnsupportedMediaType(
            f"The body is {media_type[:100] or 'of no stated type'}; parameters come in the query string, as a form "
            "(application/x-www-form-urlencoded) or as a JSON object (application/json)."
        )
