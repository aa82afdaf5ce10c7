"""Brute force: an address that is wrong too often waits; others and the logged-in do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from datanectar.access.accounts import Accounts
from datanectar.errors import TooManyAttempts
from datanectar.http.identity import attempts
from tests.http.identity.conftest import PASSWORD, Guarded
from tests.servers.stack import Stack


@pytest.fixture
def strict(make_stack: Callable[..., Stack]) -> Guarded:
    stack = make_stack(DATANECTAR_LOGIN_ATTEMPTS="3", DATANECTAR_TRUSTED_PROXIES="127.0.0.1")
    stack.settings.state.mkdir(parents=True, exist_ok=True)
    stack.start_web()
    guarded = Guarded(stack, Accounts(stack.settings, stack.store.database))
    guarded.new("ci", "read")
    guarded.accounts.new_user("ann", "read", [], PASSWORD)
    guarded.wait_until_closed()
    return guarded


@pytest.mark.parametrize("way", ["password", "token", "bearer"])
def test_the_right_secret_is_of_no_use_after_too_many_wrong_ones(strict: Guarded, way: str) -> None:
    session, _ = strict.browser(name="ann", password=PASSWORD)
    secrets = {"password": PASSWORD, "token": strict.tokens["ci"], "bearer": strict.tokens["ci"]}

    def attempt(secret: str, address: str = "192.0.2.1") -> requests.Response:
        forwarded = {"X-Forwarded-For": address}
        if way == "bearer":
            forwarded["Authorization"] = f"Bearer {secret}"
            return strict.ask("GET", "/api/whoami", headers=forwarded)
        return _login(strict, forwarded, {"name": "ann", way: secret})

    assert [attempt(f"wrong {number}").status_code for number in range(3)] == [401] * 3
    refused = attempt(secrets[way])

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert attempt(secrets[way], "192.0.2.2").status_code in (200, 303)
    url = f"{strict.stack.url}/api/whoami"
    inside = session.get(url, headers={"X-Forwarded-For": "192.0.2.1"}, timeout=30)
    assert inside.status_code == 200


def _login(strict: Guarded, headers: dict[str, str], secret: dict[str, str]) -> requests.Response:
    from tests.http.identity.conftest import csrf

    browser = requests.Session()
    url = f"{strict.stack.url}/login"
    form = {"csrf-token": csrf(browser.get(url, timeout=30).text), **secret}
    return browser.post(url, form, headers=headers, timeout=30, allow_redirects=False)


def test_a_minute_later_it_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Any = [1000.0]
    monkeypatch.setattr(attempts.time, "monotonic", lambda: clock[0])
    tried = attempts.Attempts(2)
    for _ in range(2):
        tried.check("a")
        tried.fail("a")
    with pytest.raises(TooManyAttempts):
        tried.check("a")
    tried.check("b")
    clock[0] += 61
    tried.check("a")


def test_addresses_without_number_take_no_memory_without_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "_MOST", 5)
    tried = attempts.Attempts(1)
    for number in range(50):
        tried.fail(str(number))
    assert len(tried._failures) == 5
