"""A proxy's word: believed of the trusted one alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.api.answers import data
from tests.servers.stack import Stack


@pytest.mark.parametrize(
    ("trusted", "is_believed"), [("127.0.0.1", True), ("10.0.0.0/8", False), ("", False)]
)
def test_only_a_trusted_proxy_names_the_user(
    make_stack: Callable[..., Stack], trusted: str, is_believed: bool
) -> None:
    stack = make_stack(DATANECTAR_USER_HEADER="X-Forwarded-Email", DATANECTAR_VOUCHED_SCOPE="run")
    if trusted:
        stack.environ["DATANECTAR_TRUSTED_PROXIES"] = trusted
    stack.settings.state.mkdir(parents=True, exist_ok=True)
    stack.start_web()

    headers = {"X-Forwarded-Email": "ann@example.org"}
    answer = requests.get(f"{stack.url}/api/whoami", headers=headers, timeout=30)

    if is_believed:
        assert data(answer)["name"] == "ann@example.org"
        strange = requests.delete(
            f"{stack.url}/api/runs/none",
            headers={**headers, "Origin": "https://evil.example"},
            timeout=30,
        )
        assert strange.status_code == 403
        bad = {"X-Forwarded-Email": "two words"}
        assert requests.get(f"{stack.url}/api/whoami", headers=bad, timeout=30).status_code == 401
    else:
        assert answer.status_code == 401
    assert requests.get(f"{stack.url}/api/whoami", timeout=30).status_code == 401
