"""``datanectar token``: makes an API token, or tells what one may do."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

import click

from datanectar.cli.exit_codes import FAILED
from datanectar.cli.options import client_of, echo_json, json_option, token_option, url_option
from datanectar.errors import BadRequest, Forbidden, NotFound, Unauthorized

if TYPE_CHECKING:
    from datanectar.client import Client

_SCOPES = ("read", "run", "admin")


@click.command()
@click.option(
    "--scope",
    type=click.Choice(_SCOPES),
    default="run",
    show_default=True,
    help="read: look; run: also run and cancel; admin: also drop results.",
)
@click.option("--check", is_flag=True, help="Make none: tell what a running app lets yours do.")
@url_option
@token_option
@json_option
def token(scope: str, check: bool, url: str, token: str | None, as_json: bool) -> None:
    """Make a new API token for DATANECTAR_TOKENS, and print it with its scope.

    Nothing is stored: add what is printed to the setting of the app, and give the part before the
    colon to whoever is to use it. With --check: print the scope of the token in DATANECTAR_TOKEN; the
    exit code is 1 when the app does not take it.
    """
    if check:
        _check(client_of(url, token), as_json)
        return
    secret = secrets.token_urlsafe(32)
    if as_json:
        echo_json({"token": secret, "scope": scope, "setting": f"{secret}:{scope}"})
        return
    click.echo(f"{secret}:{scope}")
    click.echo("For the app: DATANECTAR_TOKENS (entries with blanks between).", err=True)
    click.echo("For its user, without the scope: DATANECTAR_TOKEN.", err=True)


def _check(client: Client, as_json: bool) -> None:
    try:
        allowed = [scope for scope in _SCOPES if _may(client, scope)]
    except Unauthorized as problem:
        click.echo(f"datanectar: {problem.message}", err=True)
        sys.exit(FAILED)
    if as_json:
        echo_json({"url": client.url, "scope": allowed[-1]})
    else:
        click.echo(allowed[-1])


def _may(client: Client, scope: str) -> bool:
    """Ask for something that needs the scope and that is not there: nothing is changed."""
    absent = f"chains/none/none_chain/NoneTask/{'0' * 32}"
    ask = {"read": client.run_record, "run": client.cancel, "admin": client.drop}[scope]
    try:
        ask(absent if scope == "admin" else "0" * 26)
    except Forbidden:
        return False
    except (BadRequest, NotFound):
        return True
    return True
