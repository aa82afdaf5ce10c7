"""The account that sends the present request, and what it may see and do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from flask import g

from datanectar.access.records import Account
from datanectar.errors import Forbidden, NotFound
from datanectar.telemetry.context import bind


class _OfType(Protocol):
    @property
    def type(self) -> str: ...


Item = TypeVar("Item", bound=_OfType)


def account() -> Account | None:
    """Return the account of this request; None: the app has no accounts, or none was asked for."""
    found: Account | None = g.get("account")
    return found


def set_account(account: Account | None, again: Callable[[], Account | None] | None = None) -> None:
    """Say whose request this is.

    Args:
        account: the account; None while the app has none.
        again: looks it up again, for answers that take long.
    """
    g.account, g.again = account, again
    bind(account=account.name if account else None)


def still_allowed() -> Callable[[], bool]:
    """Return what tells, also after the request, whether its account is still valid."""
    again = g.get("again")
    return (lambda: True) if again is None else lambda: again() is not None


def is_open() -> bool:
    """Tell whether this request needed no account: everybody may do everything."""
    return account() is None


def may(scope: str) -> bool:
    """Tell whether this request may do what needs the scope."""
    found = account()
    return found is None or found.may(scope)


def require_scope(needed: str) -> None:
    """Refuse the request unless its account has this scope.

    Raises:
        Forbidden: naming the scopes.
    """
    found = account()
    if found is not None and not found.may(needed):
        what = "This token" if found.kind in ("token", "setting") else found.name
        raise Forbidden(f"{what} may {found.scope}; this request needs one that may {needed}.")


def types() -> list[str] | None:
    """Return the types of chains that this request is limited to, or None."""
    found = account()
    return found.types if found else None


def require_types(*asked: str) -> None:
    """Refuse the request unless its account may see chains of these types.

    Raises:
        NotFound: what an account may not see is not there for it.
    """
    found = account()
    if found is not None and not found.sees(asked):
        raise NotFound(f"{found.name} is limited to chains of type {', '.join(found.types or ())}.")


def visible(items: Iterable[Item]) -> list[Item]:
    """Return those of the items, each with its ``type`` of chains, that this request may see."""
    found = account()
    return [item for item in items if found is None or found.sees((item.type,))]


def name() -> str | None:
    """Return the name of this request's account, for what it asks for."""
    found = account()
    return found.name if found else None
