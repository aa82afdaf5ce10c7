"""``datanectar token``: makes, lists and revokes API tokens, or tells what one may do."""

from __future__ import annotations

import secrets
import sys

import click

from datanectar.cli.access.listing import (
    accounts_of_project,
    expiry,
    scope_option,
    show,
    types_option,
)
from datanectar.cli.exit_codes import FAILED
from datanectar.cli.options import client_of, echo_json, json_option, token_option, url_option
from datanectar.errors import Unauthorized


@click.group(invoke_without_command=True)
@scope_option
@click.option("--check", is_flag=True, help="Make none: tell what a running app lets yours do.")
@url_option
@token_option
@json_option
@click.pass_context
def token(
    ctx: click.Context, scope: str, check: bool, url: str, token: str | None, as_json: bool
) -> None:
    """Make, list and revoke API tokens.

    Without a command: print a new token with its scope for the setting DATANECTAR_TOKENS; nothing is
    stored. With --check: print the scope of the token in DATANECTAR_TOKEN; the exit code is 1 when
    the app does not take it.
    """
    if ctx.invoked_subcommand is not None:
        return
    if check:
        _check(url, token, as_json)
        return
    secret = secrets.token_urlsafe(32)
    if as_json:
        echo_json({"token": secret, "scope": scope, "setting": f"{secret}:{scope}"})
        return
    click.echo(f"{secret}:{scope}")
    click.echo("For the app: DATANECTAR_TOKENS (entries with blanks between).", err=True)
    click.echo("For its user, without the scope: DATANECTAR_TOKEN.", err=True)


@token.command()
@click.argument("name")
@scope_option
@types_option
@click.option("--expires", metavar="TIME", help="After this time it is refused: 12h, 90d, 4w.")
@json_option
def new(name: str, scope: str, types: tuple[str, ...], expires: str | None, as_json: bool) -> None:
    """Make the token NAME and print it, this once: the run store has only its digest.

    From the first one on, the app answers nobody without a token or a login.
    """
    until = expiry(expires)
    secret = accounts_of_project().new_token(name, scope, types, until)
    if as_json:
        echo_json({"name": name, "token": secret, "scope": scope, "types": list(types) or None})
        return
    click.echo(secret)
    click.echo(f"Give it to its user, for DATANECTAR_TOKEN. It may {scope}.", err=True)


@token.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List the tokens of the run store; those of DATANECTAR_TOKENS are not among them."""
    show(accounts_of_project().store.all("token"), "token", as_json)


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke the token NAME: from now on it is refused, also in what is open already."""
    accounts_of_project().store.revoke(name, "token")
    click.echo(f"{name} is revoked.")


def _check(url: str, token: str | None, as_json: bool) -> None:
    client = client_of(url, token)
    try:
        who = client.whoami()
    except Unauthorized as problem:
        click.echo(f"datanectar: {problem.message}", err=True)
        sys.exit(FAILED)
    if as_json:
        echo_json({"url": client.url, **who})
    else:
        click.echo(who["scope"])
