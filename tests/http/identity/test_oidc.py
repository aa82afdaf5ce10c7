"""Logging in by an OpenID provider: a real one, on a free port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from datanectar.access.accounts import Accounts
from tests.api.answers import data
from tests.http.identity.conftest import HTML
from tests.servers.stack import Stack

provider_mock = pytest.importorskip("oidc_provider_mock")

USERS = {
    "1": {"email": "ann@example.org", "email_verified": True, "name": "Ann"},
    "2": {"email": "carl@example.org", "email_verified": True},
    "3": {"email": "ann@example.org", "email_verified": False},
    "4": {"name": "no mail"},
    "5": {"email": "gone@example.org", "email_verified": True},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    users = [provider_mock.User(sub=sub, claims=claims) for sub, claims in USERS.items()]
    with provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def stack(make_stack: Callable[..., Stack], issuer: str) -> Stack:
    stack = make_stack(DATANECTAR_OIDC_ISSUER=issuer, DATANECTAR_OIDC_CLIENT_SECRET="a-secret")
    stack.settings.state.mkdir(parents=True, exist_ok=True)
    stack.start_web()
    accounts = Accounts(stack.settings, stack.store.database)
    accounts.new_user("ann@example.org", "admin", ["etl"], None)
    accounts.new_user("gone@example.org", "admin", [], None)
    accounts.store.revoke("gone@example.org", "user")
    return stack


def browser() -> requests.Session:
    made = requests.Session()
    made.headers.update(HTML)
    return made


def asked(stack: Stack, who: requests.Session, place: str = "/") -> str:
    """Begin a login; return the provider's address."""
    begun = who.get(f"{stack.url}/login/oidc?next={place}", allow_redirects=False, timeout=30)
    assert begun.status_code == 303, begun.text
    return begun.headers["Location"]


def answered(address: str, sub: str) -> str:
    """Log in at the provider; return the address that it sends the browser back to."""
    done = requests.post(address, {"sub": sub}, allow_redirects=False, timeout=30)
    assert done.status_code == 302, done.text
    return done.headers["Location"]


def test_who_the_provider_names_is_let_in_as_the_user_of_that_name(stack: Stack) -> None:
    who = browser()
    assert "organisation" in who.get(stack.url, timeout=30).text
    question = asked(stack, who, "/history")
    query = parse_qs(urlsplit(question).query)
    assert query["code_challenge_method"] == ["S256"] and query["nonce"] and query["state"]
    back = answered(question, "1")

    done = who.get(back, allow_redirects=False, timeout=30)

    assert (done.status_code, done.headers["Location"]) == (303, "/history")
    account = data(who.get(f"{stack.url}/api/whoami", timeout=30))
    assert (account["name"], account["scope"], account["types"]) == (
        "ann@example.org",
        "admin",
        ["etl"],
    )
    again = who.get(back, allow_redirects=False, timeout=30)
    assert again.status_code == 401  # the answer is good for once
    audit = stack.settings.audit_log.read_text()
    assert '"login.oidc_back"' in audit and "ann@example.org" in audit


def test_others_whom_it_names_may_what_the_setting_says(stack: Stack) -> None:
    who = browser()
    who.get(answered(asked(stack, who), "2"), timeout=30)
    account = data(who.get(f"{stack.url}/api/whoami", timeout=30))
    assert (account["name"], account["kind"], account["scope"]) == (
        "carl@example.org", "vouched", "read",
    )  # fmt: skip


@pytest.mark.parametrize("sub", ["3", "4", "5"])
def test_an_unverified_or_missing_mail_and_a_revoked_user_are_refused(
    stack: Stack, sub: str
) -> None:
    who = browser()
    done = who.get(answered(asked(stack, who), sub), timeout=30)
    assert done.status_code == 401 and "Log in" in done.text
    assert who.get(f"{stack.url}/api/whoami", timeout=30).status_code == 401


def test_an_answer_to_another_browsers_question_is_none(stack: Stack) -> None:
    """Login CSRF and session fixation by the provider's redirect."""
    attacker, victim = browser(), browser()
    back = answered(asked(stack, attacker), "1")
    assert victim.get(back, timeout=30).status_code == 401
    asked(stack, victim)
    assert victim.get(back, timeout=30).status_code == 401
    forged: Any = back.replace("code=", "code=x")
    assert attacker.get(forged, timeout=30).status_code == 401


def test_a_provider_that_is_away_is_named(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack("away", DATANECTAR_OIDC_ISSUER="http://127.0.0.1:9")
    stack.settings.state.mkdir(parents=True, exist_ok=True)
    stack.start_web()
    answer = browser().get(f"{stack.url}/login/oidc", timeout=30)
    assert answer.status_code == 503 and "can&#39;t be asked" in answer.text
