"""The audit log: who, what, from where; and nothing that is secret."""

from __future__ import annotations

import json
from typing import Any

from tests.http.identity.conftest import PASSWORD, Guarded


def lines(guarded: Guarded) -> list[dict[str, Any]]:
    return [json.loads(line) for line in guarded.stack.settings.audit_log.read_text().splitlines()]


def test_changes_logins_and_refusals_are_told_and_secrets_are_not(guarded: Guarded) -> None:
    before = len(lines(guarded)) if guarded.stack.settings.audit_log.exists() else 0
    guarded.ask("POST", "/api/chains/open/a_chain/ATask?name=in-the-query", "run")
    guarded.ask("DELETE", "/api/runs/none", "read")
    guarded.ask("GET", "/api/runs", headers={"Authorization": "Bearer guessed-by-somebody"})
    guarded.ask("GET", "/api/runs", "read")
    guarded.ask("GET", "/api/runs")
    guarded.browser(name="ann", password=PASSWORD)
    guarded.browser(name="ann", password="wrong-password")

    told = [(e["who"], e["what"], e["status"], e["claims"]) for e in lines(guarded)[before:]]

    assert told == [
        ("run", "chains.run", 200, None),
        ("read", "runs.cancel", 403, None),
        (None, "runs.history", 401, None),
        ("ann", "login.enter", 303, "ann"),
        (None, "login.enter", 401, "ann"),
    ]
    first = lines(guarded)[before]
    assert first["from"] == "127.0.0.1" and first["time"] and first["scope"] == "run"
    file = guarded.stack.settings.audit_log
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in (
        PASSWORD,
        "wrong-password",
        "guessed-by",
        "in-the-query",
        *guarded.tokens.values(),
    ):
        assert secret not in file.read_text()


def test_the_file_may_be_moved_away_at_any_time(guarded: Guarded) -> None:
    file = guarded.stack.settings.audit_log
    guarded.ask("DELETE", "/api/runs/none", "run")
    file.rename(file.with_suffix(".old"))
    guarded.ask("DELETE", "/api/runs/none", "run")
    assert [line["who"] for line in lines(guarded)] == ["run"]
