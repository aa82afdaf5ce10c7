"""axe-core finds nothing serious on any page, in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from flask import url_for

from datanectar.web.app import create_app
from tests.servers.chromium import tab_to
from tests.servers.stack import Stack

BAD = ("serious", "critical")
TASK = "/chains/pages/gated_chain/WatchedTask"


@pytest.fixture(scope="module")
def pages(stack: Stack) -> Iterator[dict[str, str]]:
    """The pages by what they show."""
    done = stack.run("pages/gated_chain/WatchedTask", name="axe")
    failed = stack.run("pages/gated_chain/FailingTask")
    tree = stack.run("pages/gated_chain/JsonTask")
    table = stack.run("pages/gated_chain/ParquetTask")
    waiting = stack.client.post("pages/gated_chain/WatchedTask", name="waits", gate="/nowhere/gate")
    stack.client.webhooks.add("team", "https://127.0.0.1/x", statuses=["FAILED"])
    stack.client.webhooks.test("team", 30)
    yield {
        "home": "/",
        "broken chains": "/?type=broken",
        "no match": "/?q=nosuchwords",
        "type": "/chains/pages",
        "chain": "/chains/pages/gated_chain?task=FailingTask",
        "broken chain": "/chains/broken/raises_chain",
        "form": TASK,
        "table": "/tables/" + str(table["key"]) + "/out.parquet",
        "tree": f"/runs/{tree['run_id']}",
        "done": f"/runs/{done['run_id']}",
        "failed": f"/runs/{failed['run_id']}",
        "running": f"/runs/{waiting['run_id']}",
        "history": "/history",
        "schedules": "/schedules",
        "workers": "/workers",
        "settings": "/settings",
        "webhooks": "/webhooks",
        "run, all shown": f"/runs/{done['run_id']}?sort=took&status=done",
        "history filtered": "/history?status=done",
        "history refused": "/history?param=nonsense",
        "no run": "/history?task=Nothing",
        "docs": "/docs",
        "error": "/nowhere",
    }
    requests.delete(f"{stack.url}/api/runs/{waiting['run_id']}", timeout=20)


def serious(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:150]} {node['failureSummary'][:200]}"
        for one in found
        if one["impact"] in BAD
        for node in one["nodes"]
    ]


@pytest.fixture(scope="module")
def routes(stack: Stack, pages: dict[str, str]) -> dict[str, str]:
    """The addresses of all pages that the app has, by their routes."""
    run_id = pages["done"].rpartition("/")[2]
    key = str(stack.client.run_record(run_id)["key"])
    task = "pages/gated_chain/WatchedTask"
    backfill = stack.client.backfills.start(task, {"name": "axe,again"})["id"]
    names = dict(zip(("type", "chain", "task", "md5"), key.split("/")[1:], strict=True))
    target = key + "/out.csv"
    parts = {**names, "run_id": run_id, "backfill_id": backfill, "target": target}
    parts |= {"key": key.removeprefix("chains/"), "name": "index.html", "version": "0"}
    parts["other_id"] = pages["failed"].rpartition("/")[2]
    app = create_app(stack.settings)
    try:
        rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        with app.test_request_context():
            found = {rule.rule: url_for(rule.endpoint, **_parts_of(rule, parts)) for rule in rules}
    finally:
        app.extensions["datanectar.children"].close()
    return {rule: path for rule, path in found.items() if _is_page(stack, rule, path)}


def _parts_of(rule: Any, parts: dict[str, str]) -> dict[str, str]:
    unknown = rule.arguments - parts.keys()
    assert not unknown, f"{rule.rule}: give this test a value for {unknown}"
    return {name: parts[name] for name in rule.arguments}


def _is_page(stack: Stack, rule: str, path: str) -> bool:
    """Tell whether a page of ours is at the address: the guide's are made by a tool."""
    if rule.startswith(("/api/", "/docs/guide", "/frames/")):
        return False
    url, html = stack.url + path, {"Accept": "text/html"}
    with requests.get(url, headers=html, timeout=30, stream=True) as response:
        is_html = response.headers["Content-Type"].startswith("text/html")
        return is_html and response.ok


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation(
    stack: Stack,
    pages: dict[str, str],
    routes: dict[str, str],
    open_page: Callable[..., Any],
    scheme: str,
) -> None:
    assert {"/", "/lineage", "/login", "/runs/<run_id>", "/settings"} <= routes.keys()
    page = open_page(f"{stack.url}/", color_scheme=scheme, bypass_csp=True)
    problems = {}
    for name, path in {**pages, **routes}.items():
        page.goto(stack.url + path)
        page.locator("#operations summary").first.wait_for() if name == "docs" else None
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        if found := serious(page):
            problems[name] = found
    assert not problems


def test_a_refused_form_has_no_serious_violation(
    stack: Stack, open_page: Callable[..., Any]
) -> None:
    page = open_page(stack.url + TASK, bypass_csp=True)
    page.locator("#p-name").fill("wrong")
    page.get_by_role("button", name="As JSON").click()
    page.locator("#p-weights").fill("[1,")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("#p-weights-error").wait_for()
    assert not serious(page)
    assert page.evaluate("document.activeElement.id") == "problem"


def test_a_person_logs_in_by_the_keyboard_and_sees_no_violation(
    make_stack: Callable[..., Stack], open_page: Callable[..., Any]
) -> None:
    stack = make_stack(DATANECTAR_TOKENS="a-token-of-twenty-characters:run")
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    for scheme in ("light", "dark"):
        page = open_page(f"{stack.url}/history", color_scheme=scheme, bypass_csp=True)
        page.wait_for_url(re.compile(r"/login\?next=/history"))
        assert not serious(page)
        tab_to(page, "#l-token")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.locator("[role=alert]").wait_for()
        assert not serious(page)
        tab_to(page, "#l-token")
        page.keyboard.type("a-token-of-twenty-characters")
        page.keyboard.press("Enter")
        page.wait_for_url("**/history")
        tab_to(page, "#account summary")
        page.keyboard.press("Enter")
        assert not serious(page)
        tab_to(page, "#account button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/login")
