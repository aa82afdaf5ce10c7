"""What the commands of tokens and of users share: options, the accounts of a project, their list."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.options import echo_json, echo_rows, shown_time
from datanectar.errors import BadRequest

if TYPE_CHECKING:
    from datanectar.access.accounts import Accounts
    from datanectar.access.records import Account

SCOPES = ("read", "run", "admin")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}

scope_option = click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="run",
    show_default=True,
    help="read: look; run: also run and cancel; admin: also drop results.",
)
types_option = click.option(
    "--type",
    "types",
    multiple=True,
    help="Limit it to chains of this type; may be repeated.",
)


def accounts_of_project() -> Accounts:
    """Return the accounts in the run store of this folder's project."""
    from datanectar import settings as settings_module
    from datanectar.access.accounts import Accounts
    from datanectar.permissions import private_folder
    from datanectar.runs.store import RunStore

    settings = settings_module.load()
    private_folder(settings.state)
    store = RunStore(settings.database_url)
    store.prepare()
    return Accounts(settings, store.database)


def expiry(text: str | None) -> float | None:
    """Return the Unix stamp after a time such as ``90d``; None for no text.

    Raises:
        BadRequest: when it is no such time.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found is None:
        raise BadRequest(f"{text!r} is no time: write 30m, 12h, 90d or 4w.")
    return time.time() + int(found[1]) * _SECONDS[found[2]]


def show(found: list[Account], kind: str, as_json: bool) -> None:
    """Print accounts: as a table, or as JSON."""
    if as_json:
        echo_json([_data(account) for account in found])
        return
    rows = (
        (
            account.name,
            account.scope,
            " ".join(account.types or ()) or "all",
            _state(account),
            shown_time(_iso(account.last_used)),
        )
        for account in found
    )
    none = f"There are no {kind}s."
    echo_rows(rows, kind, "scope", "types", "state", "last used", none=none)


def _data(account: Account) -> dict[str, Any]:
    times = ("created", "expires", "last_used", "revoked")
    data = {"name": account.name, "scope": account.scope, "types": account.types}
    return {**data, **{name: _iso(getattr(account, name)) for name in times}}


def _state(account: Account) -> str:
    if account.revoked is not None:
        return "revoked"
    if account.expires is None:
        return "valid"
    stamp = shown_time(_iso(account.expires))
    return f"until {stamp}" if account.is_valid else f"expired {stamp}"


def _iso(stamp: float | None) -> str | None:
    from datetime import datetime, timezone

    if stamp is None:
        return None
    return datetime.fromtimestamp(stamp, timezone.utc).isoformat(timespec="milliseconds")
