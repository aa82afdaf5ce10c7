"""Tokens: who may read, run and drop; that none is needed on loopback, and none is ever told."""

from __future__ import annotations

import base64
import hmac
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from flask import Flask

from datanectar.access.records import digest
from datanectar.access.setting_tokens import SettingTokens
from datanectar.client import Client
from datanectar.errors import StartupError, Unauthorized
from datanectar.http import auth
from datanectar.settings import load
from datanectar.web.app import create_app
from tests.api.answers import data, refused
from tests.servers.stack import Stack, copy_catalogue

READ, RUN, ADMIN = "reads-" + "r" * 20, "runs-" + "u" * 20, "rules-" + "a" * 20
WRONG = "wrong-" + "w" * 20
NEVER_RUN = "chains/basic/plain_chain/GreetTask/" + "0" * 32


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A web that wants tokens."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.environ["DATANECTAR_TOKENS"] = f"{READ}:read,{RUN}:run {ADMIN}"
    stack.environ["DATANECTAR_LOGIN_ATTEMPTS"] = "1000000"
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
        ("GET", "/api/schedules", "read"),
        ("POST", f"/api/runs/{'0' * 26}/rerun", "run"),
        ("POST", "/api/schedules/basic/plain_chain/GreetTask/pause", "run"),
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
    protected: Stack, method: str, path: str, needed: str
) -> None:
    scopes = ["read", "run", "admin"]

    for scope, token in zip(scopes, (READ, RUN, ADMIN), strict=True):
        answer = ask(protected, method, path, token)
        if scopes.index(scope) >= scopes.index(needed):
            assert answer.status_code in (200, 400, 404), answer.text
        else:
            assert f"may {needed}" in refused(answer, 403)["message"]
    for token in ("", WRONG, READ[:-1], f"{READ}x", READ.upper(), "ünïcode"):
        headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
        answer = requests.request(method, f"{protected.url}{path}", headers=headers, timeout=30)
        refused(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("option", ["force", "upstream"])
def test_a_rerun_that_drops_results_needs_the_scope_of_a_drop(
    protected: Stack, option: str
) -> None:
    path = f"/api/runs/{'0' * 26}/rerun"
    assert (
        "may admin" in refused(ask(protected, "POST", f"{path}?{option}=true", RUN), 403)["message"]
    )
    refused(ask(protected, "POST", f"{path}?{option}=false", RUN), 404)
    refused(ask(protected, "POST", f"{path}?{option}=true", ADMIN), 404)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app that wants tokens, in this process."""
    project = tmp_path_factory.mktemp("project")
    (project / "code" / "chains").mkdir(parents=True)
    (project / ".datanectar").mkdir()
    tokens = f"{READ}:read,{RUN}:run {ADMIN}"
    environ = {"DATANECTAR_PROJECT": str(project), "DATANECTAR_TOKENS": tokens}
    app = create_app(load({**environ, "DATANECTAR_LOGIN_ATTEMPTS": "1000000"}))
    yield app
    app.extensions["datanectar.children"].close()


def scope_of(rule: str, method: str) -> str | None:
    if rule in ("/healthz", "/readyz", "/login", "/logout", "/static/<version>/<path:name>"):
        return None
    if rule.startswith(("/settings", "/webhooks", "/api/webhooks")) and method != "OPTIONS":
        return "admin"
    if method in ("GET", "HEAD", "OPTIONS"):
        return "read"
    drops = (
        rule.startswith(("/api/targets/", "/api/lineage")),
        rule.endswith(("/drop", "<task>/results")),
        rule == "/runs/<run_id>/rerun",
    )
    return "admin" if any(drops) else "run"


def spellings(path: str) -> list[str]:
    """Spell a path in ways of which some are routed to the same place."""
    last = path.rstrip("/")[-1:] or "/"
    return [
        path,
        f"{path}/",
        f"{path}//",
        f"/{path}",
        path.replace("/", "//"),
        f"{path[: path.rindex(last)]}%{ord(last):02x}",
        f"{path[: path.rindex(last)]}%{ord(last):02X}/",
        path.replace("/", "%2f"),
        f"/.{path}",
        f"/x/..{path}",
        f"{path};x=y",
        f"{path}/;x",
        f"{path}%20",
        f"{path}%00",
        path.upper(),
        path.title(),
    ]


def every_spelling(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield a method and a path, spelt in many ways, for every rule."""
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or set()):
            for path in spellings(re.sub(r"<[^>]*>", "none", rule.rule)):
                yield method, unquote(path)


def test_every_route_has_its_scope_however_it_is_spelt(app: Flask) -> None:
    """Fault 4.2: a trailing slash let a `run` token delete results."""
    client, scopes, routed = app.test_client(), ("read", "run", "admin"), set()
    tokens = {READ: 0, RUN: 1, ADMIN: 2, WRONG: -1}
    for method, path in every_spelling(app):
        environ = {"PATH_INFO": path}
        with app.test_request_context("/", method=method, environ_overrides=environ) as context:
            rule = context.request.url_rule
        if rule and (rule.rule, method) == ("/login", "POST"):  # its form has a token of its own
            continue
        needed = scope_of(rule.rule, method) if rule else "read"
        routed.add((rule.rule if rule else None, method))
        for token, rank in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.open("/", method=method, headers=headers, environ_overrides=environ)
            is_refused = answer.status_code in (401, 403)
            may = needed is None or rank >= scopes.index(needed)
            assert is_refused is not may, (method, path, token)
    assert {("/runs/<run_id>/drop", "POST"), (None, "POST")} <= routed


def test_every_route_is_in_the_table_of_scopes(app: Flask) -> None:
    """Fault 4.2: a route without an entry needs `admin`; it is to be entered."""
    oidc = {"login.oidc", "login.oidc_back"}  # there with a provider alone
    assert {rule.endpoint for rule in app.url_map.iter_rules()} | oidc == set(auth.ENDPOINT_SCOPES)


def test_the_drop_button_needs_admin_with_a_slash_too(protected: Stack) -> None:
    """Fault 4.2."""
    for path in ("/runs/some/drop", "/runs/some/drop/", f"/api/targets/{NEVER_RUN}/"):
        method = "POST" if path.startswith("/runs") else "DELETE"
        refused(ask(protected, method, path, RUN), 403)


# --- pages of other sites ---------------------------------------------------------------------

FROM_A_PAGE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
BY_A_LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
KEY_PATH = "/api/chains/sec/secret_chain/SecretTask/key?name=1"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", **FROM_A_PAGE},
        {"Sec-Fetch-Site": "Cross-Site", **FROM_A_PAGE},
        {"Sec-Fetch-Site": "same-site", **FROM_A_PAGE},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Accept": "text/event-stream"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
        {"Sec-Fetch-Site": "something-new"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://localhost"},
        {"Origin": "ftp://localhost"},
        {"Origin": "http://localhost:1"},
        {"Origin": "localhost"},
    ],
)
@pytest.mark.parametrize("path", [KEY_PATH, "/", "/api/runs", f"/api/targets/{NEVER_RUN}/out.txt"])
def test_a_page_of_another_site_gets_nothing(
    app: Flask, path: str, headers: dict[str, str]
) -> None:
    """Fault 4.13: foreign pages embedded results and had chains imported by GETs."""
    for method in ("GET", "HEAD", "OPTIONS"):
        headers = {"Authorization": f"Bearer {ADMIN}", **headers}
        assert app.test_client().open(path, method=method, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", **BY_A_LINK},
        {"Sec-Fetch-Site": "same-site", **BY_A_LINK},
        {"Sec-Fetch-Site": "none", **BY_A_LINK},
        {"Sec-Fetch-Site": "same-origin", **FROM_A_PAGE},
        {"Origin": "http://localhost"},
        {"Origin": "HTTP://LOCALHOST", "Sec-Fetch-Site": "Same-Origin"},
    ],
)
def test_links_from_anywhere_and_our_own_pages_are_served(
    app: Flask, headers: dict[str, str]
) -> None:
    """Fault 4.13: what is no page of another site works as before."""
    headers = {"Authorization": f"Bearer {ADMIN}", **headers}
    assert app.test_client().get("/api/runs", headers=headers).status_code == 200


def test_a_link_from_elsewhere_changes_nothing(app: Flask) -> None:
    """Fault 4.13: a form that another site sends is a visit too."""
    for site in ("cross-site", "same-site", "CROSS-SITE"):
        headers = {"Authorization": f"Bearer {ADMIN}", "Sec-Fetch-Site": site, **BY_A_LINK}
        assert app.test_client().post("/runs/x/cancel", headers=headers).status_code == 403


def test_a_proxy_may_speak_tls_for_us(app: Flask) -> None:
    """Fault 4.13: the scheme counts, but for a proxy's under another name than loopback's."""
    headers = {"Authorization": f"Bearer {ADMIN}", "Host": "192.0.2.1"}
    for origin, status in (
        ("https://192.0.2.1", 404),
        ("http://192.0.2.1", 404),
        ("ftp://192.0.2.1", 403),
    ):
        headers["Origin"] = origin
        answer = app.test_client().delete("/api/runs/none", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    "path",
    ["/", "/api/runs", "/healthz", "/openapi.json", "/metrics", "/no", "/static/no", "/api/runs/x"],
)
def test_no_answer_may_be_part_of_another_sites_page(app: Flask, path: str) -> None:
    """Fault 4.13."""
    for token in (ADMIN, WRONG):
        answer = app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_browser_may_give_the_token_as_a_password(protected: Stack) -> None:
    def basic(password: str) -> dict[str, str]:
        pair = base64.b64encode(f"anybody:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    data(ask(protected, "GET", "/api/chains/basic", headers=basic(READ)))
    refused(ask(protected, "GET", "/api/chains/basic", headers=basic(WRONG)), 401)
    for nonsense in ("Basic", "Basic !!!", "Bearer", "Digest x=y", READ):
        refused(ask(protected, "GET", "/api/chains", headers={"Authorization": nonsense}), 401)


def test_health_is_open_to_everybody(protected: Stack) -> None:
    assert ask(protected, "GET", "/healthz").status_code == 200
    assert ask(protected, "GET", "/readyz").status_code == 200


def test_the_client_sends_its_token_to_its_app(protected: Stack) -> None:
    assert Client(protected.url, READ).chains()
    with pytest.raises(Unauthorized):
        Client(protected.url).chains()


def test_no_token_is_ever_written_down(protected: Stack) -> None:
    told = [
        ask(protected, "GET", f"/api/chains?token={READ}", WRONG).text,
        ask(protected, "GET", "/api/nothing", ADMIN).text,
        ask(protected, "POST", "/api/chains/basic/plain_chain/GreetTask?name=quiet", RUN).text,
        ask(protected, "DELETE", f"/api/targets/{NEVER_RUN}", RUN).text,
    ]

    files = [path for path in protected.project.rglob("*") if path.is_file()]
    assert protected.project / "web.out" in files
    for secret in (READ, RUN, ADMIN, WRONG):
        assert not any(secret in text for text in told)
        assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_every_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(known: str, given: str) -> bool:
        compared.append(known)
        return original(known, given)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens = SettingTokens((f"{READ}:read", f"{RUN}:run", ADMIN))

    read, admin = tokens.find(READ), tokens.find(ADMIN)
    assert read and admin and (read.scope, admin.scope) == ("read", "admin")
    assert tokens.find(WRONG) is None
    assert compared == [digest(token) for token in (READ, RUN, ADMIN)] * 3


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
        SettingTokens(entries)

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
        env=stack.environment,
        cwd=stack.project,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 2
    assert f"DATANECTAR_HOST={host} can be reached from outside this machine" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
