"""The app behind a proxy, under a path prefix, and called by pages of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from datanectar.errors import StartupError
from datanectar.settings import load
from tests.api.answers import data, refused
from tests.servers.stack import Stack, copy_catalogue

TOKEN = "reads-" + "r" * 20
ORIGIN = "https://dash.example"
TASK = "/api/chains/basic/plain_chain/GreetTask"


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A web under a prefix that trusts a proxy on 127.0.0.1 and the pages of one origin."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.environ |= {
        "DATANECTAR_URL_PREFIX": "/dn",
        "DATANECTAR_TRUSTED_PROXIES": "127.0.0.1/32",
        "DATANECTAR_CORS_ORIGINS": ORIGIN,
        "DATANECTAR_ALLOWED_HOSTS": "chains.example",
        "DATANECTAR_TOKENS": f"{TOKEN}:run",
    }
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        yield stack
    finally:
        stack.close()


def ask(stack: Stack, path: str, method: str = "GET", **headers: str) -> requests.Response:
    sent = {"Authorization": f"Bearer {TOKEN}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(
        method, f"{stack.url}{path}", headers=sent, timeout=30, allow_redirects=False
    )


def test_addresses_keep_the_prefix_and_what_the_proxy_says(placed: Stack) -> None:
    outside = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "chains.example"}

    for path in (f"/dn{TASK}/key?name=you", f"{TASK}/key?name=you"):  # passed on, or stripped
        key = data(ask(placed, path, **outside))
        assert key["status_url"].startswith("https://chains.example/dn/api/chainstatus?")
    described = ask(placed, "/dn/openapi.json", **outside).json()
    assert described["servers"][0]["url"] == "https://chains.example/dn"


def test_a_path_that_only_begins_like_the_prefix_is_no_part_of_it(placed: Stack) -> None:
    assert ask(placed, "/dnx/api/chains").status_code == 404
    assert ask(placed, "/dn").status_code == 200


def test_nobody_else_may_say_where_the_client_is(tmp_path: Any) -> None:
    stack = Stack(tmp_path)
    copy_catalogue(stack.project)
    stack.environ["DATANECTAR_ALLOWED_HOSTS"] = "evil.example"
    lies = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Script-Name": "/evil",
        "Script_Name": "/evil",
        "X-Script-Name": "/evil",
    }
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        answer = requests.get(f"{stack.url}{TASK}/key?name=you", headers=lies, timeout=30)
        assert data(answer)["status_url"].startswith(f"{stack.url}/api/chainstatus?")
    finally:
        stack.close()


def test_a_named_origin_may_call_the_api_with_a_token(placed: Stack) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Origin": ORIGIN}
    asked["Access_Control_Request_Headers"] = "authorization,content-type"
    foreign = {"Origin": ORIGIN, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}

    preflight = requests.options(
        f"{placed.url}/dn{TASK}",
        headers={name.replace("_", "-"): value for name, value in asked.items()},
        timeout=30,
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert int(preflight.headers["Access-Control-Max-Age"]) > 0

    answer = ask(placed, "/dn/api/chains", **foreign)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    without = requests.get(f"{placed.url}/dn/api/chains", headers={"Origin": ORIGIN}, timeout=30)
    refused(without, 401)
    assert without.headers["Access-Control-Allow-Origin"] == ORIGIN  # the page may read why


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ("https://dash.example.evil", "/dn/api/chains"),
        ("http://dash.example", "/dn/api/chains"),
        ("null", "/dn/api/chains"),
        (ORIGIN, "/dn/history"),
        (ORIGIN, "/dn/chains/basic/plain_chain/GreetTask"),
        (ORIGIN, "/dn/metrics"),
    ],
)
def test_other_origins_and_the_pages_stay_closed(placed: Stack, origin: str, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = ask(placed, path, method, Origin=origin)
        assert answer.status_code == 403, (method, answer.status_code)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_texts_are_compressed_for_whoever_takes_it(placed: Stack, encoding: str) -> None:
    plain = ask(placed, "/dn/openapi.json", Accept_Encoding="identity")
    small = requests.get(
        f"{placed.url}/dn/openapi.json",
        headers={"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": encoding},
        timeout=30,
        stream=True,
    )

    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == encoding
    assert "Accept-Encoding" in small.headers["Vary"]
    assert len(small.raw.read(decode_content=False)) < len(plain.content) / 4


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATANECTAR_URL_PREFIX", "dn"),
        ("DATANECTAR_URL_PREFIX", "/dn/"),
        ("DATANECTAR_URL_PREFIX", "//dn"),
        ("DATANECTAR_URL_PREFIX", "/a b"),
        ("DATANECTAR_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("DATANECTAR_TRUSTED_PROXIES", "proxy.example"),
        ("DATANECTAR_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DATANECTAR_CORS_ORIGINS", "*"),
        ("DATANECTAR_CORS_ORIGINS", "https://*.example"),
        ("DATANECTAR_CORS_ORIGINS", "dash.example"),
        ("DATANECTAR_CORS_ORIGINS", "https://dash.example/"),
    ],
)
def test_a_setting_that_could_not_work_is_refused_at_start(variable: str, value: str) -> None:
    with pytest.raises(StartupError, match=variable):
        load({variable: value})
