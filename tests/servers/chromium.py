"""A real Chromium, headless, for the tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.servers.optional import require

#: Without these a browser calls home; the last keeps it from any host but this one.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
#: What a browser reports itself: on a 404, a server that is gone, luigid's own page, scripts in a result.
EXPECTED = (
    "responded with a status of 4",
    "ERR_CONNECTION",
    "ERR_INCOMPLETE_CHUNKED",
    "the document's frame is sandboxed",
    "/static/visualiser/",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """Return the browser's path: ``$CHROMIUM``, else one on the PATH; without one, skip."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    return found or require("Chromium", "apt-get install chromium, or CHROMIUM=/path/to/it")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = find_chromium()
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open pages in a context of their own: ``open_page(url, color_scheme="dark")``.

    The test fails when a page of ours writes to the browser's console: a script's error, a
    violation of the Content-Security-Policy.
    """
    contexts, messages = [], []

    def opened(url: str, **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(12_000)
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("console", lambda message: messages.append(f"{page.url}: {message.text}"))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [line for line in messages if not any(word in line for word in EXPECTED)]


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the element has the focus; fail when it gets none within 150 steps."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} can't be reached by Tab on {page.url}")
