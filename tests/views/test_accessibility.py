"""axe-core finds nothing serious on any page, in light and in dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation(
    stack: Stack, pages: dict[str, str], open_page: Callable[..., Any], scheme: str
) -> None:
    page = open_page(f"{stack.url}/", color_scheme=scheme, bypass_csp=True)
    problems = {}
    for name, path in pages.items():
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
