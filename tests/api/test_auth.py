"""Tokens: who may read, run and drop; that none is needed on loopback, and none is ever told."""

from __future__ import annotations

import base64
import hmac
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from datanectar.api import auth
from datanectar.client import Client
from datanectar.errors import StartupError, Unauthorized
from tests.api.answers import data, refused
from tests.servers.processes import Stack
from tests.servers.stack import copy_catalogue

READ, RUN, ADMIN = "reads-" + "r" * 20, "runs-" + "u" * 20, "rules-" + "a" * 20
WRONG = "wrong-" + "w" * 20
NEVER_RUN = "chains/basic/plain_chain/GreetTask/" + "0" * 32


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A web that wants tokens."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.environ["DATANECTAR_TOKENS"] = f"{READ}:read,{RUN}:run {ADMIN}"
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        yield stack
    finally:
        stack.close()


def ask(stack: Stack, method: str, path: str, token: str = "", **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("headers", {})
    return requests.request(method, f"{stack.url}{path}", headers=headers, timeout=30, **options)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/api/chains", "read"),
        ("GET", "/api/runs", "read"),
        ("GET", "/metrics", "read"),
        ("GET", f"/api/chainstatus?chain={NEVER_RUN}", "read"),
        ("GET", "/api/chains/basic/plain_chain/GreetTask/key", "read"),
        ("GET", f"/api/targets/{NEVER_RUN}/out.txt", "read"),
        ("GET", "/no/such/page", "read"),
        ("POST", "/api/chains/basic/plain_chain/GreetTask?nonsense=1", "run"),
        ("POST", "/api/chains/basic/GreetTask?nonsense=1", "run"),
        ("DELETE", "/api/runs/no-such-run", "run"),
        ("DELETE", f"/api/targets/{NEVER_RUN}", "admin"),
    ],
)
def test_each_scope_may_what_it_may_and_no_more(
    guarded: Stack, method: str, path: str, needed: str
) -> None:
    scopes = ["read", "run", "admin"]

    for scope, token in zip(scopes, (READ, RUN, ADMIN), strict=True):
        answer = ask(guarded, method, path, token)
        if scopes.index(scope) >= scopes.index(needed):
            assert answer.status_code in (200, 400, 404), answer.text
        else:
            assert f"may {needed}" in refused(answer, 403)["message"]
    for token in ("", WRONG, READ[:-1], f"{READ}x", READ.upper(), "ünïcode"):
        headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
        answer = requests.request(method, f"{guarded.url}{path}", headers=headers, timeout=30)
        refused(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_a_browser_may_give_the_token_as_a_password(guarded: Stack) -> None:
    def basic(password: str) -> dict[str, str]:
        pair = base64.b64encode(f"anybody:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    data(ask(guarded, "GET", "/api/chains/basic", headers=basic(READ)))
    refused(ask(guarded, "GET", "/api/chains/basic", headers=basic(WRONG)), 401)
    for nonsense in ("Basic", "Basic !!!", "Bearer", "Digest x=y", READ):
        refused(ask(guarded, "GET", "/api/chains", headers={"Authorization": nonsense}), 401)


def test_health_is_open_to_everybody(guarded: Stack) -> None:
    assert ask(guarded, "GET", "/healthz").status_code == 200
    assert ask(guarded, "GET", "/readyz").status_code == 200


def test_the_client_sends_its_token_to_its_app(guarded: Stack) -> None:
    assert Client(guarded.url, READ).chains()
    with pytest.raises(Unauthorized):
        Client(guarded.url).chains()


def test_no_token_is_ever_written_down(guarded: Stack) -> None:
    told = [
        ask(guarded, "GET", f"/api/chains?token={READ}", WRONG).text,
        ask(guarded, "GET", "/api/nothing", ADMIN).text,
        ask(guarded, "POST", "/api/chains/basic/plain_chain/GreetTask?name=quiet", RUN).text,
        ask(guarded, "DELETE", f"/api/targets/{NEVER_RUN}", RUN).text,
    ]

    files = [path for path in guarded.project.rglob("*") if path.is_file()]
    assert guarded.project / "web.out" in files
    for secret in (READ, RUN, ADMIN, WRONG):
        assert not any(secret in text for text in told)
        assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_every_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return original(known, given)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens = auth.Tokens((f"{READ}:read", f"{RUN}:run", ADMIN))

    assert tokens.scope(READ) == "read"
    assert tokens.scope(ADMIN) == "admin"
    assert tokens.scope(WRONG) is None
    assert compared == [READ.encode(), RUN.encode(), ADMIN.encode()] * 3


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (("short:read",), "entry 1 is shorter than 16 characters"),
        ((ADMIN, f"{READ}:reed-{WRONG}"), "entry 2 is no scope; there are read, run, admin"),
    ],
)
def test_a_token_that_is_no_good_is_refused_and_not_told(
    entries: tuple[str, ...], words: str
) -> None:
    with pytest.raises(StartupError) as refusal:
        auth.Tokens(entries)

    assert words in refusal.value.message
    assert "short:" not in refusal.value.message
    assert WRONG not in refusal.value.message


@pytest.mark.parametrize("command", ["web", "up"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_no_start_where_others_could_come_in_without_a_token(
    make_stack: Callable[..., Stack], command: str, host: str
) -> None:
    stack = make_stack(DATANECTAR_HOST=host)

    done = subprocess.run(
        [sys.executable, "-m", "datanectar", command],
        env={**stack.defaults, **stack.environ},
        cwd=stack.project,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 2
    assert f"DATANECTAR_HOST={host} can be reached from outside this machine" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
