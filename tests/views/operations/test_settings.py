"""The page of settings: what is in force, and no secret."""

from __future__ import annotations

from collections.abc import Callable

import requests

from tests.servers.stack import Stack

READ, ADMIN = "a" * 24, "b" * 24


def test_settings_without_secrets_for_who_may_see_them(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATANECTAR_TOKENS=f"{READ}:read {ADMIN}", DATANECTAR_MAX_QUEUED="77")
    stack.settings.state.mkdir(parents=True)
    stack.start_web()

    def get(path: str, token: str) -> requests.Response:
        return requests.get(stack.url + path, auth=("me", token), timeout=30)

    shown = get("/settings", ADMIN)
    assert "DATANECTAR_TOKENS" in shown.text
    assert "<code>77</code>" in shown.text
    assert READ not in shown.text
    assert ADMIN not in shown.text
    assert get("/settings", READ).status_code == 403
    assert 'href="/settings"' not in get("/schedules", READ).text
    assert 'href="/settings"' in get("/schedules", ADMIN).text
