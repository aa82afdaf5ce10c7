"""Accounts from wherever they are: who a token, a password, a session or another's word stands for."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from datanectar.access.records import SCOPES, SETTING, TOKEN, USER, VOUCHED, Account, digest
from datanectar.access.setting_tokens import SettingTokens
from datanectar.access.store import AccessStore
from datanectar.database import Database
from datanectar.errors import BadRequest, NotFound, StartupError
from datanectar.keys import NAME
from datanectar.settings import Settings

#: The name of an account; mail addresses are among them.
ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_SHORTEST_PASSWORD = 10
#: Seconds in which the use of an account is stored once, and in which it is looked for a first account.
_NOTED, _LOOKED = 60.0, 1.0


class Accounts:
    """All accounts of an app.

    Args:
        settings: the settings in force.
        database: the run store's; its tables are there already.

    Raises:
        StartupError: when a token of ``DATANECTAR_TOKENS`` is unusable.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.store = AccessStore(database)
        self._settings = settings
        self._of_setting = SettingTokens(settings.tokens)
        self._is_closed = bool(settings.tokens or settings.oidc_issuer or settings.user_header)
        self._looked = -_LOOKED
        self._noted: dict[str, float] = {}
        self._hasher = PasswordHasher()
        # Compared with where there is no such user, so that it takes as long.
        self._nobody = self._hasher.hash(secrets.token_hex())

    def check_start(self) -> None:
        """Refuse to start when others could reach the app and it has no accounts.

        Raises:
            StartupError: naming the ways out.
        """
        if not self._settings.on_loopback and self.is_open():
            raise StartupError(
                f"DATANECTAR_HOST={self._settings.host} can be reached from outside this machine: set "
                "DATANECTAR_TOKENS (openssl rand -hex 24), make a token (datanectar token new), or "
                "listen on 127.0.0.1."
            )

    def is_open(self) -> bool:
        """Tell whether everybody may do everything, as there is no account and never was one."""
        if not self._is_closed and time.monotonic() - self._looked >= _LOOKED:
            self._is_closed = self.store.has_any()
            self._looked = time.monotonic()
        return not self._is_closed

    # --- who is it -------------------------------------------------------------------------

    def by_token(self, token: str) -> Account | None:
        """Return the valid account that a token is of, or None."""
        return self._used(self._of_setting.find(token) or self.store.by_secret(digest(token)))

    def by_password(self, name: str, password: str) -> Account | None:
        """Return the valid user of that name and password, or None."""
        account = self.store.get(name)
        is_user = account is not None and account.kind == USER and bool(account.secret)
        try:
            self._hasher.verify(account.secret if account and is_user else self._nobody, password)
        except (Argon2Error, InvalidHashError):
            return None
        return self._used(account)

    def by_word(self, name: str) -> Account | None:
        """Return the account of somebody for whom an identity provider or a trusted proxy vouches.

        That is the user of the name, if there is one; others have ``DATANECTAR_VOUCHED_SCOPE``.
        """
        if not ACCOUNT_NAME.fullmatch(name):
            return None
        account, scope = self.store.get(name), self._settings.vouched_scope
        if account is not None:
            return self._used(account) if account.kind == USER else None
        return Account(name, VOUCHED, scope) if scope in SCOPES else None

    def by_session(self, secret: str) -> Account | None:
        """Return the valid account of a session, by what its cookie has, or None."""
        row = self.store.session(digest(secret))
        if row is None:
            return None
        find = {SETTING: self._of_setting.named, VOUCHED: self.by_word}.get(
            row.kind, self.store.get
        )
        account = find(row.name)
        return self._used(account) if account and account.proof == row.proof else None

    def _used(self, account: Account | None) -> Account | None:
        if account is None or not account.is_valid:
            return None
        is_stored = account.kind in (TOKEN, USER)
        if is_stored and time.monotonic() - self._noted.get(account.name, -_NOTED) >= _NOTED:
            self._noted[account.name] = time.monotonic()
            self.store.note_use(account.name)
        return account

    # --- sessions --------------------------------------------------------------------------

    def begin_session(self, account: Account) -> str:
        """Return the secret of a new session, for a browser's cookie."""
        secret = secrets.token_urlsafe(32)
        expires = time.time() + 3600 * self._settings.session_hours
        self.store.add_session(digest(secret), account, expires)
        return secret

    def end_session(self, secret: str) -> None:
        """End the session that has this secret."""
        self.store.end_session(digest(secret))

    # --- change ----------------------------------------------------------------------------

    def new_token(
        self, name: str, scope: str, types: Sequence[str] = (), expires: float | None = None
    ) -> str:
        """Make a token of that name and return it; only its digest is stored.

        Args:
            name: what runs and the audit log call it.
            scope: ``read``, ``run`` or ``admin``.
            types: the types of chains that it is limited to; none: no limit.
            expires: the Unix stamp at which it expires; None: never.

        Raises:
            BadRequest: when the name or a type can't be one.
            Conflict: when the name is taken.
        """
        token = secrets.token_urlsafe(32)
        self._add(name, TOKEN, scope, types, digest(token), expires)
        return token

    def new_user(self, name: str, scope: str, types: Sequence[str], password: str | None) -> None:
        """Make a user; without a password, one for whom an identity provider or a proxy vouches.

        Raises:
            BadRequest: when the name, a type or the password can't be one.
            Conflict: when the name is taken.
        """
        secret = "" if password is None else self._hashed(password)
        self._add(name, USER, scope, types, secret, None)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; that ends the user's sessions.

        Raises:
            NotFound: when there is no such user.
            BadRequest: when the password is too short.
        """
        account = self.store.get(name)
        if account is None or account.kind != USER:
            raise NotFound(f"There is no user called {name[:100]!r}.")
        self.store.set_secret(name, self._hashed(password))

    def _hashed(self, password: str) -> str:
        if not _SHORTEST_PASSWORD <= len(password) <= 1000:
            raise BadRequest(f"A password has at least {_SHORTEST_PASSWORD} characters.")
        return self._hasher.hash(password)

    def _add(
        self,
        name: str,
        kind: str,
        scope: str,
        types: Sequence[str],
        secret: str,
        expires: float | None,
    ) -> None:
        if not ACCOUNT_NAME.fullmatch(name):
            raise BadRequest(
                f"{name[:100]!r} can't be a name: letters, digits and . _ @ + - can be in one."
            )
        for type in types:
            if not NAME.match(type):
                raise BadRequest(f"{type[:100]!r} can't be a type of chains.")
        account = Account(name, kind, scope, sorted({*types}) or None, secret, time.time(), expires)
        self.store.add(account)
