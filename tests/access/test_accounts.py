"""Accounts: what a token, a password, a session or another's word stands for, and when no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datanectar.access.accounts import Accounts
from datanectar.access.records import TOKEN, USER, VOUCHED
from datanectar.errors import BadRequest, Conflict, NotFound
from datanectar.runs.store import RunStore
from datanectar.settings import load

PASSWORD = "correct horse battery"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Accounts]]:
    """Make accounts over one store, with settings."""
    store = RunStore(f"sqlite:///{tmp_path}/runs.db")
    store.prepare()

    def made(**environ: str) -> Accounts:
        return Accounts(load({"DATANECTAR_PROJECT": str(tmp_path), **environ}), store.database)

    yield made
    store.close()


def names(account: Any) -> Any:
    return account and (account.name, account.kind, account.scope, account.types)


def test_a_token_is_found_by_itself_and_only_its_digest_is_on_the_disk(
    make: Callable[..., Accounts], tmp_path: Path
) -> None:
    accounts = make()
    token = accounts.new_token("ci", "run", ["etl", "ml", "etl"])

    assert names(accounts.by_token(token)) == ("ci", TOKEN, "run", ["etl", "ml"])
    assert accounts.by_token(token[:-1]) is accounts.by_token("") is None
    digest = accounts.store.get("ci").secret  # type: ignore[union-attr]
    assert accounts.by_token(digest) is None
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert token.encode() not in files and digest.encode() in files


def test_a_token_ends_when_it_expires_or_is_revoked_and_its_name_stays_taken(
    make: Callable[..., Accounts],
) -> None:
    accounts = make()
    old = accounts.new_token("old", "run", expires=time.time() - 1)
    lost = accounts.new_token("lost", "run", expires=time.time() + 60)
    assert accounts.by_token(old) is None and accounts.by_token(lost)

    accounts.store.revoke("lost", TOKEN)

    assert accounts.by_token(lost) is None
    with pytest.raises(Conflict, match="take another name"):
        accounts.new_token("lost", "run")
    for name, kind in (("none", TOKEN), ("lost", USER)):
        with pytest.raises(NotFound):
            accounts.store.revoke(name, kind)


def test_the_app_stays_closed_when_its_last_account_is_revoked(
    make: Callable[..., Accounts],
) -> None:
    accounts = make()
    assert accounts.is_open()
    accounts.new_token("only", "admin")
    accounts.store.revoke("only", TOKEN)

    assert not make().is_open()
    assert not make(DATANECTAR_OIDC_ISSUER="https://login.example").is_open()


def test_a_password_is_its_users_alone_and_a_stranger_costs_as_much(
    make: Callable[..., Accounts], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, verified = make(), []
    accounts.new_user("ann@example.org", "read", [], PASSWORD)
    accounts.new_user("bob", "read", [], None)
    token = accounts.new_token("ci", "read")
    verify = accounts._hasher.verify
    monkeypatch.setattr(
        type(accounts._hasher), "verify", lambda _, *given: verified.append(given) or verify(*given)
    )

    assert names(accounts.by_password("ann@example.org", PASSWORD)) == (
        "ann@example.org", USER, "read", None,
    )  # fmt: skip
    for name, password in (
        ("ann@example.org", PASSWORD.upper()), ("bob", ""), ("nobody", PASSWORD), ("ci", token),
    ):  # fmt: skip
        assert accounts.by_password(name, password) is None
    assert len(verified) == 5
    assert accounts.store.get("ann@example.org").secret.startswith("$argon2id$")  # type: ignore[union-attr]


def test_a_session_ends_with_its_account_its_password_or_its_time(
    make: Callable[..., Accounts],
) -> None:
    accounts = make(DATANECTAR_SESSION_HOURS="1")
    accounts.new_user("ann", "read", [], PASSWORD)
    accounts.new_token("ci", "read")
    ann, ci = accounts.store.get("ann"), accounts.store.get("ci")
    assert ann and ci
    first, second, third = (accounts.begin_session(who) for who in (ann, ann, ci))
    assert accounts.by_session(first) and accounts.by_session(third)

    accounts.end_session(first)
    accounts.set_password("ann", PASSWORD + "!")
    accounts.store.revoke("ci", TOKEN)

    assert [accounts.by_session(secret) for secret in (first, second, third, "")] == [None] * 4
    again = accounts.store.get("ann")
    assert again
    short = make(DATANECTAR_SESSION_HOURS="0.001").begin_session(again)
    ends = accounts.store._db.engine.connect()
    with ends:  # as if the time were over
        ends.exec_driver_sql("UPDATE sessions SET expires = expires - 3600")
        ends.commit()
    assert accounts.by_session(short) is None


def test_anothers_word_counts_for_users_and_never_for_tokens(make: Callable[..., Accounts]) -> None:
    accounts = make(DATANECTAR_VOUCHED_SCOPE="read")
    accounts.new_user("ann@example.org", "admin", ["etl"], None)
    accounts.new_user("gone", "admin", [], None)
    accounts.new_token("ci", "admin")
    accounts.store.revoke("gone", USER)

    assert names(accounts.by_word("ann@example.org")) == ("ann@example.org", USER, "admin", ["etl"])
    assert names(accounts.by_word("carl")) == ("carl", VOUCHED, "read", None)
    for name in ("gone", "ci", "", "DATANECTAR_TOKENS#1", "a b", "x" * 101, "a\n"):
        assert accounts.by_word(name) is None
    assert make(DATANECTAR_VOUCHED_SCOPE="none").by_word("carl") is None


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "DATANECTAR_TOKENS#1", "ü", "x" * 101])
def test_a_name_that_is_none_is_refused(make: Callable[..., Accounts], name: str) -> None:
    with pytest.raises(BadRequest, match="can't be a name"):
        make().new_token(name, "read")


def test_types_and_passwords_that_can_not_be_meant_are_refused(
    make: Callable[..., Accounts],
) -> None:
    with pytest.raises(BadRequest, match="can't be a type"):
        make().new_token("ci", "read", ["etl/x"])
    with pytest.raises(BadRequest, match="at least 10"):
        make().new_user("ann", "read", [], "short")


def test_the_use_of_an_account_is_remembered(make: Callable[..., Accounts]) -> None:
    accounts = make()
    token = accounts.new_token("ci", "read")
    before = time.time()

    accounts.by_token(token)

    used = accounts.store.get("ci").last_used  # type: ignore[union-attr]
    assert used is not None and used >= before - 1


def test_all_processes_share_what_signs_cookies(make: Callable[..., Accounts]) -> None:
    first, second = make().store.shared_secret("cookies"), make().store.shared_secret("cookies")
    assert first == second and len(first) == 64
    assert make().store.shared_secret("others") != first
