"""datanectar behind a real nginx with the shipped configuration: TLS, a prefix, streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from datanectar.client import Client
from tests.api.answers import data, refused
from tests.servers.nginx import Nginx, nginx
from tests.servers.stack import Stack, copy_catalogue

pytestmark = pytest.mark.slow
TOKEN = "rules-" + "r" * 20


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The app as the head of nginx.conf says."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.environ |= {
        "DATANECTAR_URL_PREFIX": "/dn",
        "DATANECTAR_TRUSTED_PROXIES": "127.0.0.1",
        "DATANECTAR_ALLOWED_HOSTS": "chains.example",
        "DATANECTAR_TOKENS": TOKEN,
    }
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.fixture(scope="module")
def proxy(app: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("nginx"), app.port) as running:
        yield running


def ask(proxy: Nginx, path: str, method: str = "GET", **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
    verify = str(proxy.authority)
    options = {"headers": headers, "verify": verify, "timeout": 60, **options}
    return requests.request(method, f"{proxy.url}{path}", **options)


def test_a_task_runs_and_each_address_leads_back_through_the_proxy(proxy: Nginx) -> None:
    answer = ask(
        proxy,
        "/dn/api/chains/basic/plain_chain/GreetTask?name=proxied",
        "POST",
        headers={"Prefer": "wait=60"},
    )

    run = data(answer)
    addresses = [value for name, value in run.items() if name.endswith("url") and value]
    own = [address for address in addresses if not address.startswith("http://127.0.0.1")]
    assert own and all(address.startswith(f"{proxy.url}/dn/") for address in own), addresses
    assert "proxied" in ask(proxy, run["target_url"].removeprefix(proxy.url)).text


def test_the_client_works_through_the_proxy(proxy: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.authority))
    client = Client(f"{proxy.url}/dn", token=TOKEN)

    result = client.run("basic/plain_chain/GreetTask", name="client").wait()

    assert "client" in result.read_text()


def test_a_log_arrives_while_it_is_written(proxy: Nginx, tmp_path: Path) -> None:
    """The task goes on when its first line has come: a proxy that held it back would never end this."""
    gate = tmp_path / "gate"
    started = ask(proxy, f"/dn/api/chains/http/jobs_chain/GatedTask?name=live&gate={gate}", "POST")
    log = f"/dn/api/chainlog?chain={data(started)['key']}"

    with ask(proxy, log, headers={"Accept": "text/event-stream"}, stream=True) as stream:
        for line in stream.iter_lines(decode_unicode=True):
            if "live has begun" in line:
                gate.touch()
            if "live goes on" in line:
                break
        else:
            raise AssertionError("the stream ended early")


def test_what_a_client_says_of_itself_is_not_passed_on(proxy: Nginx) -> None:
    lies = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example;proto=http",
    }

    answer = ask(proxy, "/dn/api/chains/basic/plain_chain/GreetTask/key?name=you", headers=lies)

    assert data(answer)["status_url"].startswith(f"{proxy.url}/dn/api/")


def test_pages_of_other_sites_stay_out(proxy: Nginx) -> None:
    refused(ask(proxy, "/dn/api/chains", headers={"Origin": "https://evil.example"}), 403)
    assert ask(proxy, "/dn/api/chains", headers={"Origin": proxy.url}).status_code == 200


def test_a_name_that_is_not_ours_is_refused(proxy: Nginx) -> None:
    refused(ask(proxy, "/dn/api/chains", headers={"Host": "evil.example"}), 403)


def test_the_prefix_alone_leads_to_the_home_page(proxy: Nginx) -> None:
    answer = ask(proxy, "/dn", headers={"Accept": "text/html"})
    assert answer.url == f"{proxy.url}/dn/" and answer.status_code == 200
