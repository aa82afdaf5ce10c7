"""luigid's address: its parts, its full form, and the message when something else answers there."""

from __future__ import annotations

from urllib.parse import urlsplit

from datanectar.settings import in_url

#: luigid's own default (luigi/cmdline.py ``luigid``).
_PORT = 8082


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and the port of luigid's URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or _PORT


def full_url(url: str) -> str:
    """Return luigid's URL with its port, and without a slash at its end."""
    return url_of(*host_and_port(url)) + urlsplit(url).path.rstrip("/")


def url_of(host: str, port: int) -> str:
    """Return the URL of a host and a port."""
    return f"http://{in_url(host)}:{port}"


def not_luigid(url: str, what: str) -> str:
    """Return the error message for something else at luigid's address; ``what`` tells it from luigid."""
    return f"What answers at {url} is not luigid ({what}); stop it, or set DATANECTAR_LUIGID_URL to where luigid is."
