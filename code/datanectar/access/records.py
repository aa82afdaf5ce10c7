"""The records of who may do what. Times are Unix stamps in seconds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass

#: Each scope includes those before it.
SCOPES = ("read", "run", "admin")
#: The kinds of accounts: a token or a user of the store, a token of ``DATANECTAR_TOKENS``, and
#: somebody for whom an identity provider or a proxy vouches.
TOKEN, USER, SETTING, VOUCHED = "token", "user", "setting", "vouched"


@dataclass(frozen=True)
class Account:
    """A token or a user.

    ``types`` are the types of chains that it is limited to, None: no limit. ``secret`` is the SHA-256
    of a token, the Argon2 hash of a password, or empty.
    """

    name: str
    kind: str
    scope: str
    types: list[str] | None = None
    secret: str = ""
    created: float = 0.0
    expires: float | None = None
    last_used: float | None = None
    revoked: float | None = None

    def may(self, needed: str) -> bool:
        """Tell whether its scope includes another."""
        return SCOPES.index(self.scope) >= SCOPES.index(needed)

    def sees(self, types: Collection[str]) -> bool:
        """Tell whether it may see chains of all these types."""
        return self.types is None or set(types) <= set(self.types)

    @property
    def is_valid(self) -> bool:
        """Whether it has neither expired nor been revoked."""
        return self.revoked is None and (self.expires is None or time.time() < self.expires)

    @property
    def proof(self) -> str:
        """What a session remembers of it: with another secret, the session is none of its own."""
        return digest(f"{self.kind} {self.name} {self.secret}")


def digest(secret: str) -> str:
    """Return the SHA-256 of a random secret, in hexadecimal: what is stored of it."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
