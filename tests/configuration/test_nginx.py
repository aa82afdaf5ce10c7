"""datanectar behind a real nginx with the shipped configuration: TLS, a prefix, streams."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

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


_ADDRESS = re.compile(r'\b(?:href|action|formaction|src|data-live)="(/[^"]*)"')


def test_every_address_of_every_page_keeps_the_prefix(proxy: Nginx) -> None:
    """From the home page, whatever a page leads to is opened: pages, scripts, styles, pictures."""
    run = data(
        ask(
            proxy,
            "/dn/api/chains/basic/plain_chain/GreetTask?name=crawled",
            "POST",
            headers={"Prefer": "wait=60"},
        )
    )
    waiting, seen = ["/dn/", f"/dn/runs/{run['run_id']}", "/dn/no/such/page"], set[str]()
    while waiting and len(seen) < 150:
        path = waiting.pop(0)
        seen.add(path)
        answer = ask(proxy, path, headers={"Accept": "text/html"}, stream=True)
        with answer:
            kind = answer.headers["Content-Type"]
            assert answer.status_code in (200, 404, 400), (path, answer.status_code)
            assert (answer.status_code == 200) or "/no/such/" in path or "/docs/guide" in path, path
            if not kind.startswith("text/html") or "/docs/guide/" in path:
                continue
            addresses = [html.unescape(one) for one in _ADDRESS.findall(answer.text)]
        strays = [one for one in addresses if not one.startswith(("/dn/", "//"))]
        assert not strays, (path, strays)
        assert "/dn/dn/" not in answer.text, path
        new = {one.partition("#")[0] for one in addresses if "/events" not in one}
        waiting += sorted(one for one in new - seen - set(waiting) if _opens(one))
    assert len(seen) > 30


def _opens(address: str) -> bool:
    """Tell whether a GET opens an address: it is no target of a form alone."""
    return not re.search(r"/(cancel|rerun|again|drop|retry|preview|bulk|key|graph)$", address)


def test_a_form_leads_to_the_run_under_the_prefix(proxy: Nginx) -> None:
    form = "/dn/chains/basic/plain_chain/GreetTask"
    sent = ask(
        proxy,
        form,
        "POST",
        data={"name": "pressed"},
        headers={"Origin": proxy.url, "Accept": "text/html"},
        allow_redirects=False,
    )
    assert sent.status_code == 303
    assert sent.headers["Location"].removeprefix(proxy.url).startswith("/dn/runs/")


def test_a_run_page_follows_its_run_in_a_browser(chromium: Any, proxy: Nginx) -> None:
    """Scripts, the stream of the page and its log work under the prefix, with no fault in the console."""
    context = chromium.new_context(
        ignore_https_errors=True, extra_http_headers={"Authorization": f"Bearer {TOKEN}"}
    )
    page, faults = context.new_page(), list[str]()
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("requestfailed", lambda request: faults.append(f"{request.url}: {request.failure}"))
    try:
        page.goto(
            f"https://127.0.0.1:{proxy.port}/dn/chains/basic/plain_chain/SleepTask?name=browser&seconds=1"
        )
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_url("**/dn/runs/*")
        expect(page).to_have_title(re.compile("^done"), timeout=60_000)
        page.get_by_text("sleeping").first.wait_for(timeout=60_000)
        page.goto(f"https://127.0.0.1:{proxy.port}/dn/docs")
        expect(page.locator("#operations")).to_contain_text("/api/chains/")
        assert not [fault for fault in faults if "/events" not in fault and "chainlog" not in fault]
    finally:
        context.close()
