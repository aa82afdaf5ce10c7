"""A client of the HTTP API, for programs and for the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import requests

from datanectar.errors import DatanectarError, Unavailable, by_status
from datanectar.records import ACTIVE

#: Seconds between two looks at a status.
_POLL = 0.2


class Client:
    """Talks to a datanectar app.

    Args:
        url: the app's address.
        token: an API token, when the app wants one.
        timeout: seconds that an answer may take.

    ::

        client = Client("http://localhost:5000")
        status = client.run("testchains/hello_luigiworld_chain/DownstreamTask", name="you")
        print(client.read(status).decode())
    """

    def __init__(
        self, url: str = "http://localhost:5000", token: str | None = None, timeout: float = 60.0
    ) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def chains(self) -> list[dict[str, Any]]:
        """Return what chains there are."""
        return list(self._call("GET", "/api/chains"))

    def post(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask for a task, ``<type>/<chain>/<Task>``, and return the answer at once."""
        return dict(self._call("POST", f"/api/chains/{path}", json=parameters))

    def status(self, key: str) -> dict[str, Any]:
        """Return the status of a key, as an answer of :meth:`post` names it."""
        return dict(self._call("GET", "/api/chainstatus", params={"chain": key}))

    def run(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask for a task and return its status once it has ended."""
        key = self.post(path, **parameters)["key"]
        status = self.status(key)
        while status["job_status"] in ACTIVE:
            time.sleep(_POLL)
            status = self.status(key)
        return status

    def read(self, status: dict[str, Any]) -> bytes:
        """Return the result that a status points to.

        Raises:
            DatanectarError: when there is none.
        """
        if not status.get("resource_url"):
            raise DatanectarError(f"{status['key']} is {status['job_status']}: {status['error']}")
        response = self._send("GET", status["resource_url"])
        response.raise_for_status()
        return response.content

    def follow(self, key: str) -> Iterator[str]:
        """Yield the log of a key as it is written, until its run has ended."""
        headers = {"Accept": "text/event-stream"}
        url = f"{self.url}/api/chainlog"
        response = self._send("GET", url, params={"chain": key}, headers=headers, stream=True)
        if not response.ok:
            _raise_problem(response)
        event = ""
        for line in response.iter_lines(decode_unicode=True):
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and not event:
                yield json.loads(value)
            elif not line:
                if event == "end":
                    return
                event = ""

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, f"{self.url}{path}", **options)
        if not response.ok:
            _raise_problem(response)
        return response.json()["data"]

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=self._timeout, **options)
        except requests.ConnectionError as problem:
            raise Unavailable(
                f"No datanectar app answers at {self.url}: is `datanectar up` running?"
            ) from problem


def _raise_problem(response: requests.Response) -> None:
    try:
        body = response.json()
        message, fields = body["message"], (body["data"] or {}).get("fields")
    except (ValueError, KeyError, TypeError):
        message, fields = f"HTTP {response.status_code}: {response.text[:200]}", None
    raise by_status(response.status_code)(message, fields=fields)
