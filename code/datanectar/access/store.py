"""The store of accounts and sessions, in the database of the run store."""

from __future__ import annotations

import secrets
import time
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select, update

from datanectar.access.records import TOKEN, Account
from datanectar.access.tables import accounts, sessions, shared_secrets
from datanectar.database import Database
from datanectar.errors import Conflict, NotFound

_ACCOUNT = select(accounts)
_BY_NAME = _ACCOUNT.where(accounts.c.name == bindparam("name"))
_BY_SECRET = _ACCOUNT.where(accounts.c.secret == bindparam("secret"), accounts.c.kind == TOKEN)
_ANY = select(accounts.c.name).limit(1)
_SESSION = select(sessions).where(sessions.c.id == bindparam("id"))


class AccessStore:
    """Accounts and sessions. Any method may raise :class:`~datanectar.errors.Unavailable`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, account: Account) -> None:
        """Store a new account.

        Raises:
            Conflict: when the name is taken, be it by an account that was revoked.
        """
        row = self._db.insert(accounts).values(**vars(account)).on_conflict_do_nothing()
        with self._db.write() as connection:
            if connection.execute(row.returning(accounts.c.name)).first() is None:
                raise Conflict(
                    f"There is, or was, a token or user called {account.name}; runs and the audit "
                    "log name it: take another name."
                )

    def get(self, name: str) -> Account | None:
        """Return the account of that name, or None."""
        return self._one(_BY_NAME, name=name)

    def by_secret(self, secret: str) -> Account | None:
        """Return the token whose digest this is, or None."""
        return self._one(_BY_SECRET, secret=secret)

    def all(self, kind: str) -> list[Account]:
        """Return the accounts of a kind by name, those that were revoked too."""
        query = _ACCOUNT.where(accounts.c.kind == kind).order_by(accounts.c.name)
        with self._db.read() as connection:
            return [Account(**row) for row in connection.execute(query).mappings()]

    def has_any(self) -> bool:
        """Tell whether an account has ever been made."""
        with self._db.read() as connection:
            return connection.execute(_ANY).first() is not None

    def revoke(self, name: str, kind: str) -> Account:
        """Revoke an account; one that was revoked before stays as it is.

        Raises:
            NotFound: when there is none of that name and kind.
        """
        account = self.get(name)
        if account is None or account.kind != kind:
            raise NotFound(f"There is no {kind} called {name[:100]!r}.")
        self._set(name, revoked=account.revoked or time.time())
        return account

    def set_secret(self, name: str, secret: str) -> None:
        """Give an account another secret, which ends its sessions."""
        self._set(name, secret=secret)

    def note_use(self, name: str) -> None:
        """Remember that an account is being used."""
        self._set(name, last_used=time.time())

    def add_session(self, id: str, account: Account, expires: float) -> None:
        """Store a session of an account, and forget those that have expired."""
        row = {"id": id, "kind": account.kind, "name": account.name, "proof": account.proof}
        with self._db.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires < time.time()))
            connection.execute(insert(sessions).values(**row, expires=expires))

    def session(self, id: str) -> Any:
        """Return the row of a session that has not expired, or None."""
        with self._db.read() as connection:
            row = connection.execute(_SESSION, {"id": id}).first()
        return row if row is not None and time.time() < row.expires else None

    def end_session(self, id: str) -> None:
        """Forget a session."""
        with self._db.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == id))

    def shared_secret(self, name: str) -> str:
        """Return the secret of that name; who asks first makes it."""
        wanted = select(shared_secrets.c.secret).where(shared_secrets.c.name == name)
        with self._db.read() as connection:
            known = connection.execute(wanted).scalar()
        if known is not None:
            return str(known)
        made = self._db.insert(shared_secrets).values(name=name, secret=secrets.token_hex(32))
        with self._db.write() as connection:
            connection.execute(made.on_conflict_do_nothing())
            return str(connection.execute(wanted).scalar_one())

    def _set(self, name: str, **values: Any) -> None:
        with self._db.write() as connection:
            connection.execute(update(accounts).where(accounts.c.name == name).values(**values))

    def _one(self, query: Select[Any], **values: str) -> Account | None:
        with self._db.read() as connection:
            row = connection.execute(query, values).mappings().first()
        return Account(**row) if row else None
