"""A client of the HTTP API, for programs and for the command line."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

from datanectar.errors import DatanectarError, Unavailable, by_status
from datanectar.settings import is_loopback
from datanectar.statuses import ACTIVE

#: Seconds between two requests for a status.
_POLL = 0.2
#: Seconds for which an app may be away while a log is followed.
_RESTART = 30.0


class Client:
    """Talks to a datanectar app.

    Args:
        url: the app's address.
        token: an API token, when the app wants one.
        timeout: seconds that a response may take.

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
        """Return the chains."""
        return list(self._call("GET", "/api/chains"))

    def post(self, path: str, /, **parameters: Any) -> dict[str, Any]:
        """Request a task, ``<type>/<chain>/<Task>``, and return the response at once.

        A value that JSON can't express, such as a date, is sent as its text. The response to a request
        that waited for a run without success has its ``job_status`` and ``error``.
        """
        return dict(self._call("POST", f"/api/chains/{path}", **_json_body(parameters)))

    def status(self, key: str) -> dict[str, Any]:
        """Return the status of a key, as a response of :meth:`post` has it."""
        return dict(self._call("GET", "/api/chainstatus", params={"chain": key}))

    def graph(self, key: str) -> dict[str, Any]:
        """Return the tasks of a key's run: ``nodes``, and ``edges`` from required to requiring tasks."""
        return dict(self._call("GET", "/api/chaingraph", params={"chain": key}))

    def runs(self, **filters: Any) -> dict[str, Any]:
        """Return a page of the history: ``runs``, the newest first, and ``next_cursor`` or None.

        Args:
            filters: as of ``GET /api/runs``: ``type``, ``chain``, ``task``, ``key``, ``status``,
                ``since``, ``until``, ``param`` (``name=value``, or a list of them), ``cursor``, ``limit``.
        """
        known = {name: value for name, value in filters.items() if value is not None}
        return dict(self._call("GET", "/api/runs", params=known))

    def run_record(self, run_id: str) -> dict[str, Any]:
        """Return one run, with its ``graph``."""
        return dict(self._call("GET", f"/api/runs/{quote(run_id, safe='')}"))

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Stop a run, or keep it from starting, and return it."""
        return dict(self._call("DELETE", f"/api/runs/{quote(run_id, safe='')}"))

    def rerun(self, run_id: str, *, force: bool = False, upstream: bool = False) -> dict[str, Any]:
        """Run again what a run was for, under the same key, and return the response at once.

        Args:
            force: drop the result first; else a run that failed goes on at the step that failed.
            upstream: as ``force``, with the results of all that the task requires.
        """
        body = _json_body({"force": force, "upstream": upstream})
        return dict(self._call("POST", f"/api/runs/{quote(run_id, safe='')}/rerun", **body))

    def schedules(self) -> list[dict[str, Any]]:
        """Return the schedules of all tasks, the next to fire first."""
        return list(self._call("GET", "/api/schedules"))

    def set_schedule(self, path: str, *, paused: bool) -> dict[str, Any]:
        """Pause or resume the schedule of a task, ``<type>/<chain>/<Task>``, and return it."""
        action = "pause" if paused else "resume"
        return dict(self._call("POST", f"/api/schedules/{path}/{action}", **_json_body({})))

    def drop(self, key: str) -> list[str]:
        """Delete the result of a key; return the names of the files. Logs and history stay."""
        return list(self._call("DELETE", f"/api/targets/{key}")["dropped"])

    def explain(self, path: str, /, **parameters: Any) -> dict[str, Any]:
        """Return what :meth:`post` would run, its ``key`` included; starts nothing."""
        return dict(self._call("GET", f"/api/chains/{path}/key", params=parameters))

    def log(self, key: str, *, run: str | None = None) -> str:
        """Return the log of a key: the latest, or what it wrote in one run."""
        params = {"chain": key, **({"run": run} if run else {})}
        response = self._send("GET", f"{self.url}/api/chainlog", params=params)
        return response.content.decode(errors="replace")

    def run(self, path: str, /, **parameters: Any) -> dict[str, Any]:
        """Request a task and return its status once its run has ended."""
        return self.wait(status_key(self.post(path, **parameters)))

    def wait(self, key: str) -> dict[str, Any]:
        """Return the status of a key once no run of it is pending or running."""
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
        return self._send("GET", status["resource_url"]).content

    def follow(self, key: str) -> Iterator[str]:
        """Yield the log of a key as it is written, until its run has ended.

        A broken connection is made again and the log goes on where it ended, also when the app was
        restarted meanwhile.
        """
        seen, last_contact = "0", float("-inf")
        while True:
            try:
                for name, last_id, text in self._events(key, seen):
                    if name == "end":
                        return
                    seen = last_id
                    yield text
                last_contact = time.monotonic()
            except requests.RequestException:  # the connection broke while the log arrived
                last_contact = time.monotonic()
            except Unavailable:
                if time.monotonic() - last_contact > _RESTART:
                    raise
            time.sleep(_POLL)

    def _events(self, key: str, last_seen: str) -> Iterator[tuple[str, str, str]]:
        """Yield name, id and text of each server-sent event of a log."""
        response = self._send(
            "GET",
            f"{self.url}/api/chainlog",
            params={"chain": key},
            headers={"Accept": "text/event-stream", "Last-Event-ID": last_seen},
            stream=True,
        )
        with response:
            name = ""
            for line in response.iter_lines(decode_unicode=True):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "id":
                    last_seen = value
                elif field == "data" and name == "end":
                    yield name, last_seen, value
                elif field == "data":
                    yield name, last_seen, json.loads(value)
                elif not line:
                    name = ""

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, f"{self.url}{path}", **options)
        try:
            return response.json()["data"]
        except (ValueError, KeyError, TypeError) as problem:
            proxy = _proxy_for(self.url)
            or_proxy = f", or not the proxy {proxy} on the way to it" if proxy else ""
            raise Unavailable(
                f"What answers at {self.url} is no datanectar app{or_proxy}: see whether the address "
                "is right."
            ) from problem

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        # Another server, such as that of a presigned URL, must not get the token.
        is_app = url.startswith(f"{self.url}/")
        request = self._session.request if is_app else requests.request
        proxies = _NO_PROXY if _is_on_loopback(url) else None
        try:
            response = request(method, url, timeout=self._timeout, proxies=proxies, **options)
        except requests.ConnectionError as problem:
            if proxy := _proxy_for(url):
                raise Unavailable(
                    f"{_origin(url)} can't be reached by way of the proxy {proxy}, which this "
                    f"environment names ({_reason(problem)}): name the host in NO_PROXY if it is to "
                    "be asked directly."
                ) from problem
            if not is_app:
                raise Unavailable(
                    f"{_origin(url)} does not answer ({_reason(problem)})."
                ) from problem
            raise Unavailable(
                f"No datanectar app answers at {self.url}: is `datanectar up` running?"
            ) from problem
        except requests.RequestException as problem:
            raise Unavailable(f"{method} {url}: {problem}") from problem
        if not response.ok and not _is_about_a_run(response):
            _raise_problem(response)
        return response


#: As the ``proxies`` of a request: no proxy, whatever the environment names.
_NO_PROXY = {"no_proxy": "*"}


def status_key(accepted: dict[str, Any]) -> str:
    """Return the key of an accepted request, with the name of the result's file where it has one."""
    asked = parse_qs(urlsplit(accepted["status_url"]).query).get("chain")
    return asked[0] if asked else str(accepted["key"])


def _is_on_loopback(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".")
    return is_loopback(host) or host.endswith(".localhost")


def _proxy_for(url: str) -> str | None:
    """Return the proxy for ``url`` in this environment, without its password, or None."""
    if _is_on_loopback(url):
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    return re.sub(r"//[^/@]*@", "//", proxy) if proxy else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _reason(problem: Exception) -> str:
    """Return the operating system's message, which requests wraps several times."""
    inner: BaseException = problem
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return str(getattr(inner, "strerror", None) or inner).strip()[:200]


def _json_body(parameters: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(parameters, default=str)
    return {"data": body, "headers": {"Content-Type": "application/json"}}


def _is_about_a_run(response: requests.Response) -> bool:
    """Tell whether a response of 400 or more reports how a run has ended, and is no refusal."""
    try:
        return "job_status" in response.json()["data"]
    except (ValueError, KeyError, TypeError):
        return False


def _raise_problem(response: requests.Response) -> None:
    try:
        body = response.json()
        message, fields = body["message"], (body["data"] or {}).get("fields")
    except (ValueError, KeyError, TypeError):
        proxy = _proxy_for(response.url)
        by_way = f" by way of the proxy {proxy}" if proxy else ""
        message = f"{_origin(response.url)} answers{by_way}: HTTP {response.status_code}: {response.text[:200]}"
        fields = None
    raise by_status(response.status_code)(str(message), fields=fields)
