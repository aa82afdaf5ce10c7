"""``datanectar token``: made, and asked about at an app that wants tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cli.command_line import command
from tests.servers.stack import Stack


def test_a_token_is_one_that_the_app_takes(tmp_path: Path) -> None:
    from datanectar.http.auth import Tokens

    made = [
        subprocess.run(
            [sys.executable, "-m", "datanectar", "token", "--scope", "read"],
            env={"PATH": os.environ["PATH"]},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
        for _ in range(2)
    ]

    assert made[0] != made[1]
    secret, _, scope = made[0].partition(":")
    assert Tokens((made[0],)).scope(secret) == scope == "read"


def test_an_app_says_what_a_token_may_do(make_stack: Callable[..., Stack]) -> None:
    secrets = {scope: scope * 8 for scope in ("read", "run", "admin")}
    tokens = " ".join(f"{secret}:{scope}" for scope, secret in secrets.items())
    stack = make_stack(DATANECTAR_TOKENS=tokens)
    stack.settings.state.mkdir(parents=True)
    stack.start_web()

    for scope, secret in secrets.items():
        done = command(stack, "token", "--check", DATANECTAR_TOKEN=secret)
        assert (done.returncode, done.stdout) == (0, f"{scope}\n"), done.stderr
    told = command(stack, "token", "--check", "--json", DATANECTAR_TOKEN=secrets["run"])
    assert json.loads(told.stdout) == {"url": stack.url, "scope": "run"}
    refused = command(stack, "token", "--check", DATANECTAR_TOKEN="of another app")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "This app wants a token" in refused.stderr
