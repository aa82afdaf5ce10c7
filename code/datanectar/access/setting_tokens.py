"""The tokens of ``DATANECTAR_TOKENS``."""

from __future__ import annotations

import hmac

from datanectar.access.records import SCOPES, SETTING, Account, digest
from datanectar.errors import StartupError


class SettingTokens:
    """The tokens of ``DATANECTAR_TOKENS`` with their scopes.

    Args:
        entries: ``<token>`` or ``<token>:<scope>`` each.

    Raises:
        StartupError: when a scope is unknown or a token is too short to be a secret.
    """

    def __init__(self, entries: tuple[str, ...]) -> None:
        self.accounts: list[Account] = []
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
            # No account of the store can have such a name.
            name = f"DATANECTAR_TOKENS#{number}"
            self.accounts.append(Account(name, SETTING, scope or "admin", secret=digest(token)))

    def find(self, token: str) -> Account | None:
        """Return a token's account, or None; takes equally long whichever token matches."""
        given, found = digest(token), None
        for account in self.accounts:
            if hmac.compare_digest(account.secret, given):
                found = account
        return found

    def named(self, name: str) -> Account | None:
        """Return the account of that name, or None."""
        return next((account for account in self.accounts if account.name == name), None)
