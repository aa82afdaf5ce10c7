"""A real Chromium, headless, for the tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.servers.processes import Stack
from tests.servers.stack import copy_catalogue

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
#: What a browser says by itself of a 404 and of a server that is gone, and luigid's own page.
EXPECTED = ("responded with a status of 4", "ERR_CONNECTION", "/static/visualiser/")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MISSING = (
    "the pages' tests need Chromium, and none of {} is on the PATH: apt-get install chromium, or "
    "name one with CHROMIUM=/path/to/it"
)


def find_chromium() -> str:
    """Return the browser's path; without one, skip on a laptop and fail in CI."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found
    words = _MISSING.format(", ".join(_NAMES))
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


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

    The test fails when a page of ours says anything on the browser's console: a script's error, a
    break of the Content-Security-Policy.
    """
    contexts, complaints = [], []

    def opened(url: str, **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(12_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [line for line in complaints if not any(word in line for word in EXPECTED)]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started web over the catalogue, without luigid and workers: its runs wait for ever."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.settings.state.mkdir(parents=True)
    try:
        stack.start_web()
        yield stack
    finally:
        stack.close()
