"""``datanectar token`` and ``user``: accounts of the run store, beside the app that uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import requests

from datanectar.access.accounts import Accounts
from tests.cli.command_line import command
from tests.servers.stack import Stack


def whoami(stack: Stack, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{stack.url}/api/whoami", headers=headers, timeout=30).status_code


def test_a_token_is_made_listed_used_and_revoked(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()

    made = command(
        stack, "token", "new", "ci", "--scope", "read", "--type", "etl", "--expires", "2h"
    )

    secret = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    stack.start_web()
    assert (whoami(stack), whoami(stack, secret)) == (401, 200)
    told = command(stack, "token", "--check", "--json", DATANECTAR_TOKEN=secret)
    about = json.loads(told.stdout)
    assert (about["name"], about["scope"], about["types"]) == ("ci", "read", ["etl"])
    listed = command(stack, "token", "list").stdout
    assert "ci" in listed and "read" in listed and "until" in listed and secret not in listed
    row = json.loads(command(stack, "token", "list", "--json").stdout)[0]
    assert row["last_used"] and row["expires"] and "secret" not in row
    assert command(stack, "token", "revoke", "ci").returncode == 0
    assert whoami(stack, secret) == 401
    assert "revoked" in command(stack, "token", "list").stdout


def test_what_can_not_be_is_refused_in_words(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    command(stack, "token", "new", "ci")
    for words, why in (
        (("token", "new", "ci"), "take another name"),
        (("token", "new", "a b"), "can't be a name"),
        (("token", "new", "x", "--expires", "soon"), "is no time"),
        (("token", "new", "x", "--type", "a/b"), "can't be a type"),
        (("token", "revoke", "nobody"), "There is no token"),
        (("user", "revoke", "ci"), "There is no user"),
        (("user", "password", "ci"), "There is no user"),
    ):
        done = command(stack, *words)
        assert (done.returncode, why in done.stderr) == (2, True), (words, done.stderr)


def test_a_users_password_comes_by_standard_input(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()

    def user(*words: str, password: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "datanectar", "user", *words],
            env={**stack.environment, "PATH": os.environ["PATH"]},
            cwd=stack.project,
            input=f"{password}\n",
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert "at least 10" in user("new", "ann", password="short").stderr
    assert user("new", "ann", "--scope", "admin", password="long enough").returncode == 0
    assert user("new", "bob", "--no-password").returncode == 0
    accounts = Accounts(stack.settings, stack.store.database)
    assert accounts.by_password("ann", "long enough")
    assert user("password", "ann", password="another one").returncode == 0
    assert accounts.by_password("ann", "long enough") is None
    assert accounts.by_password("ann", "another one")
    assert user("revoke", "ann").returncode == 0
    assert accounts.by_password("ann", "another one") is None
    assert "bob" in user("list").stdout


def test_an_app_on_the_network_starts_with_a_token_of_the_store(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_HOST="0.0.0.0")
    secret = command(stack, "token", "new", "ci").stdout.strip()
    stack.start_web()
    assert (whoami(stack), whoami(stack, secret)) == (401, 200)
