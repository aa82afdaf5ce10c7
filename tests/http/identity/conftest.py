"""A service with two types of chains, and accounts of several kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from datanectar.access.accounts import Accounts
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}
CHAIN = """
from datanectar import NectarTask
import luigi

class ATask(NectarTask):
    name = luigi.Parameter(default="x")
    schedule = "0 0 1 1 *"

    def run(self):
        print("log of " + self.name)
        with self.output().open("w") as out:
            out.write(self.name)
"""


@dataclass
class Guarded:
    """A running service and its accounts."""

    stack: Stack
    accounts: Accounts
    tokens: dict[str, str] = field(default_factory=dict)

    def new(self, name: str, scope: str, *types: str, expires: float | None = None) -> str:
        """Make a token."""
        self.tokens[name] = self.accounts.new_token(name, scope, types, expires)
        return self.tokens[name]

    def ask(self, method: str, path: str, name: str = "", **options: Any) -> requests.Response:
        """Send a request with the token of that name."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}
        headers |= options.pop("headers", {})
        options.setdefault("allow_redirects", False)
        return requests.request(
            method, f"{self.stack.url}{path}", headers=headers, timeout=60, **options
        )

    def wait_until_closed(self) -> None:
        """Wait until the web has noticed its first account: it looks now and then."""
        url = f"{self.stack.url}/api/whoami"
        wait_for(lambda: requests.get(url, timeout=30).status_code == 401, "the app is closed")

    def browser(self, **secret: str) -> tuple[requests.Session, requests.Response]:
        """Return a browser that has sent the login form, and the answer."""
        browser = requests.Session()
        browser.headers.update(HTML)
        page = browser.get(f"{self.stack.url}/login", timeout=30)
        form = {"csrf-token": csrf(page.text), **secret}
        url = f"{self.stack.url}/login"
        return browser, browser.post(url, form, timeout=30, allow_redirects=False)


def csrf(page: str) -> str:
    """Return the token of the forms in a page."""
    return page.partition('name="csrf-token" value="')[2].partition('"')[0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A whole service; its first accounts are made while it runs."""
    stack = Stack(tmp_path_factory.mktemp("project"))
    stack.environ["DATANECTAR_LOGIN_ATTEMPTS"] = "1000"
    for type in ("open", "shut"):
        stack.chain(f"{type}/a_chain", CHAIN)
    try:
        stack.start()
        guarded = Guarded(stack, Accounts(stack.settings, stack.store.database))
        for scope in ("read", "run", "admin"):
            guarded.new(scope, scope)
        guarded.new("limited", "admin", "open")
        guarded.accounts.new_user("ann", "admin", [], PASSWORD)
        guarded.accounts.new_user("ron", "read", [], PASSWORD)
        guarded.wait_until_closed()
        yield guarded
    finally:
        stack.close()
