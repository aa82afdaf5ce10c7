"""``datanectar user``: who may log in by name, and what they may."""

from __future__ import annotations

import sys

import click

from datanectar.cli.access.listing import accounts_of_project, scope_option, show, types_option
from datanectar.cli.options import json_option


@click.group()
def user() -> None:
    """Let people log in: by a password, or as an OpenID provider or a proxy names them."""


@user.command()
@click.argument("name")
@scope_option
@types_option
@click.option("--no-password", is_flag=True, help="One whom an OpenID provider or a proxy names.")
def new(name: str, scope: str, types: tuple[str, ...], no_password: bool) -> None:
    """Make the user NAME; the password is asked for, or read from standard input.

    From the first account on, the app answers nobody without a token or a login.
    """
    accounts = accounts_of_project()
    accounts.new_user(name, scope, types, None if no_password else _asked())
    click.echo(f"{name} may {scope}.")


@user.command()
@click.argument("name")
def password(name: str) -> None:
    """Give the user NAME another password, which logs the user out everywhere."""
    accounts_of_project().set_password(name, _asked())
    click.echo(f"{name} has a new password.")


@user.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List the users."""
    show(accounts_of_project().store.all("user"), "user", as_json)


@user.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke the user NAME: sessions end at once."""
    accounts_of_project().store.revoke(name, "user")
    click.echo(f"{name} is revoked.")


def _asked() -> str:
    """Return the password that is typed twice at a terminal, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
