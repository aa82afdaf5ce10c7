"""Streams that are open when their reader's token is revoked or expires, or the browser logs out."""

from __future__ import annotations

import time

import pytest

from tests.api.answers import data
from tests.http.identity.conftest import PASSWORD, Guarded, csrf
from tests.servers.processes import wait_for


def rest(stream: object) -> bytes:
    """Return what comes until the stream ends; a stream that does not is a failure by its timeout."""
    return b"".join(stream.iter_content(None))  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["revoked", "expired"])
@pytest.mark.parametrize("path", ["/events", "/runs/{run}/events"])
def test_a_stream_ends_with_its_token(guarded: Guarded, path: str, end: str) -> None:
    name = f"reader-{end}-{len(path)}"
    expires = time.time() + 4 if end == "expired" else None
    guarded.new(name, "read", expires=expires)
    run = data(guarded.ask("POST", "/api/chains/open/a_chain/ATask?name=waits", "run"))["run_id"]
    headers = {"Accept": "text/event-stream"}
    with guarded.ask("GET", path.format(run=run), name, headers=headers, stream=True) as stream:
        assert stream.status_code == 200
        if end == "revoked":
            guarded.accounts.store.revoke(name, "token")
        rest(stream)
    again = guarded.ask("GET", "/events", name, headers=headers)
    wait_for(lambda: guarded.ask("GET", "/api/whoami", name).status_code == 401, "it has ended")
    assert again.status_code in (200, 401)


def test_a_stream_ends_when_the_browser_logs_out(guarded: Guarded) -> None:
    browser, _ = guarded.browser(name="ron", password=PASSWORD)
    token = csrf(browser.get(guarded.stack.url, timeout=30).text)
    with browser.get(f"{guarded.stack.url}/events", stream=True, timeout=30) as stream:
        assert stream.status_code == 200
        browser.post(f"{guarded.stack.url}/logout", {"csrf-token": token}, timeout=30)
        rest(stream)
