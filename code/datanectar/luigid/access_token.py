"""luigid's token, in a file of the state folder. Our luigid changes nothing for who does not send it."""

from __future__ import annotations

import secrets
from pathlib import Path

from datanectar.luigid.address import host_and_port
from datanectar.permissions import read_private, write_private
from datanectar.settings import is_loopback

_FILE = "luigid.token"


def make_token(state: Path) -> None:
    """Put a new token for luigid into the state folder; only this user can read it.

    Each luigid has a token of its own: while luigid is away, runs send its token to whatever
    program has taken its port.
    """
    write_private(state / _FILE, secrets.token_hex(24))


def drop_token(state: Path) -> None:
    """Remove luigid's token: the luigid in use is not this project's, and needs none."""
    (state / _FILE).unlink(missing_ok=True)


def read_token(state: Path) -> str | None:
    """Return the token of this project's luigid; None without one, or when others can read it."""
    return read_private(state / _FILE)


def token_for(url: str, state: Path) -> str | None:
    """Return the token to send to the luigid at ``url``, or None.

    Only a luigid on loopback gets it: this project's own listens nowhere else.
    """
    return read_token(state) if is_loopback(host_and_port(url)[0]) else None
