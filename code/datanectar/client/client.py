"""A client of the HTTP API, for programs and for the command line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote

import requests

from datanectar import settings
from datanectar.client.backfills import Backfills
from datanectar.client.run import Run, wait_for_end
from datanectar.client.transport import Transport
from datanectar.client.webhooks import Webhooks
from datanectar.errors import DatanectarError, Unavailable

#: Seconds between two tries to follow a log.
_POLL = 0.2
#: Seconds for which an app may be away while a log is followed.
_RESTART = 30.0


class Client:
    """Talks to a datanectar app.

    Args:
        url: the app's address; left out, ``DATANECTAR_URL`` or the address of this folder's project.
        token: an API token, when the app wants one; without a ``url`` that of ``DATANECTAR_TOKEN``.
        timeout: seconds that a response may take.
        retries: how often a request is repeated that could not be sent, or was answered with 429 or
            503 (after ``Retry-After``). That is safe: the same POST twice is one run.

    ::

        client = Client("http://localhost:5000")
        run = client.run("testchains/hello_luigiworld_chain/DownstreamTask", name="you")
        print(run.wait().read_text())
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        if url is None:
            url = os.environ.get("DATANECTAR_URL") or settings.load().app_url
            token = token or os.environ.get("DATANECTAR_TOKEN")
        self.transport = Transport(url, token, timeout, retries)
        self.url = self.transport.url
        self.backfills = Backfills(self.transport)
        self.webhooks = Webhooks(self.transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.transport.close()

    def chains(self) -> list[dict[str, Any]]:
        """Return the chains."""
        return list(self.transport.call("GET", "/api/chains"))

    def post(self, path: str, /, **parameters: Any) -> dict[str, Any]:
        """Request a task, ``<type>/<chain>/<Task>``, and return the response at once.

        A value that JSON can't express, such as a date, is sent as its text. The response to a request
        that waited for a run without success has its ``job_status`` and ``error``.
        """
        return dict(self.transport.call("POST", f"/api/chains/{path}", **_json_body(parameters)))

    def status(self, key: str) -> dict[str, Any]:
        """Return the status of a key, as a response of :meth:`post` has it."""
        return dict(self.transport.call("GET", "/api/chainstatus", params={"chain": key}))

    def graph(self, key: str) -> dict[str, Any]:
        """Return the tasks of a key's run: ``nodes``, and ``edges`` from required to requiring tasks."""
        return dict(self.transport.call("GET", "/api/chaingraph", params={"chain": key}))

    def runs(self, /, **filters: Any) -> dict[str, Any]:
        """Return a page of the history: ``runs``, the newest first, and ``next_cursor`` or None.

        Args:
            filters: as of ``GET /api/runs``: ``type``, ``chain``, ``task``, ``key``, ``backfill``, ``status``,
                ``since``, ``until``, ``param`` (``name=value``, or a list of them), ``cursor``, ``limit``.
        """
        known = {name: value for name, value in filters.items() if value is not None}
        return dict(self.transport.call("GET", "/api/runs", params=known))

    def iter_runs(self, /, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield the runs of the history, the newest first, page by page; filters as of :meth:`runs`."""
        cursor = filters.pop("cursor", None)
        while True:
            page = self.runs(**filters, cursor=cursor)
            yield from page["runs"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def whoami(self) -> dict[str, Any]:
        """Return whose the token is, and what that account may: ``name``, ``scope``, ``types``..."""
        return dict(self.transport.call("GET", "/api/whoami"))

    def run_record(self, run_id: str) -> dict[str, Any]:
        """Return one run, with its ``graph``."""
        return dict(self.transport.call("GET", f"/api/runs/{quote(run_id, safe='')}"))

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Stop a run, or keep it from starting, and return it."""
        return dict(self.transport.call("DELETE", f"/api/runs/{quote(run_id, safe='')}"))

    def rerun(self, run_id: str, *, force: bool = False, upstream: bool = False) -> dict[str, Any]:
        """Run again what a run was for, under the same key, and return the response at once.

        Args:
            force: drop the result first; else a run that failed goes on at the step that failed.
            upstream: as ``force``, with the results of all that the task requires.
        """
        body = _json_body({"force": force, "upstream": upstream})
        return dict(
            self.transport.call("POST", f"/api/runs/{quote(run_id, safe='')}/rerun", **body)
        )

    def schedules(self) -> list[dict[str, Any]]:
        """Return the schedules of all tasks, the next to fire first."""
        return list(self.transport.call("GET", "/api/schedules"))

    def set_schedule(self, path: str, *, paused: bool) -> dict[str, Any]:
        """Pause or resume the schedule of a task, ``<type>/<chain>/<Task>``, and return it."""
        action = "pause" if paused else "resume"
        return dict(
            self.transport.call("POST", f"/api/schedules/{path}/{action}", **_json_body({}))
        )

    def drop(self, key: str) -> list[str]:
        """Delete the result of a key; return the names of the files. Logs and history stay."""
        return list(self.transport.call("DELETE", f"/api/targets/{key}")["dropped"])

    def lineage(self, key: str) -> dict[str, Any]:
        """Return what a result was made of (``upstream``) and what was made from it (``downstream``)."""
        return dict(self.transport.call("GET", "/api/lineage", params={"chain": key}))

    def drop_with_downstream(self, key: str) -> dict[str, Any]:
        """Delete the result of a key and all that was made from it: ``dropped`` and ``kept`` by key."""
        return dict(self.transport.call("DELETE", "/api/lineage", params={"chain": key}))

    def explain(self, path: str, /, **parameters: Any) -> dict[str, Any]:
        """Return what :meth:`post` would run, its ``key`` included; starts nothing."""
        return dict(self.transport.call("GET", f"/api/chains/{path}/key", params=parameters))

    def log(self, key: str, *, run: str | None = None, tail: int | None = None) -> str:
        """Return the log of a key: the latest, or what it wrote in one run; all, or its last bytes."""
        asked = {"chain": key, "run": run, "tail": tail}
        params = {name: value for name, value in asked.items() if value is not None}
        response = self.transport.send("GET", f"{self.url}/api/chainlog", params=params)
        return response.content.decode(errors="replace")

    def run(self, path: str, /, **parameters: Any) -> Run:
        """Request a task and return at once; :meth:`Run.wait` returns its result.

        Args:
            path: ``<type>/<chain>/<Task>``, or ``<type>/<Task>`` where that is one task only.
            parameters: the task's, as values of their own types.

        Raises:
            BadRequest: when a parameter is missing, unknown or unreadable; ``fields`` names each.
            NotFound: when there is no such task.
        """
        return Run(self, self.post(path, **parameters))

    def wait(self, key: str) -> dict[str, Any]:
        """Return the status of a key once no run of it is pending or running."""
        return wait_for_end(lambda: self.status(key))

    def read(self, status: dict[str, Any]) -> bytes:
        """Return the result that a status points to.

        Raises:
            DatanectarError: when there is none.
        """
        if not status.get("resource_url"):
            raise DatanectarError(f"{status['key']} is {status['job_status']}: {status['error']}")
        return self.transport.send("GET", status["resource_url"]).content

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
        response = self.transport.send(
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


def _json_body(parameters: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(parameters, default=str)
    return {"data": body, "headers": {"Content-Type": "application/json"}}
