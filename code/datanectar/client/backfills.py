"""Backfills over HTTP: start, look up, wait, cancel, try again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from datanectar.client.transport import Transport

#: Seconds between two looks at a backfill.
_POLL = 0.5


class Backfills:
    """The backfills of an app, as ``Client.backfills``.

    Args:
        transport: sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        path: str,
        over: dict[str, Any],
        parameters: dict[str, Any] | None = None,
        *,
        at_once: int = 4,
    ) -> dict[str, Any]:
        """Start a backfill and return it; the same one that goes on is returned as it is.

        Args:
            path: the task, ``<type>/<chain>/<Task>``, or ``<type>/<Task>`` where that is one task only.
            over: by parameter, the values: ``{"day": "2026-01-01..2026-03-31"}``, or a list.
            parameters: the values of the other parameters.
            at_once: how many of its runs go on at a time.

        Raises:
            BadRequest: when something is missing, unknown or unreadable; ``fields`` names each.
        """
        return self._post("", _request(path, over, parameters, at_once=at_once))

    def preview(
        self, path: str, over: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what :meth:`start` would be for: ``total``, ``missing``, ``items``; starts nothing."""
        return self._post("", _request(path, over, parameters, dry_run=True))

    def list(self, **paging: Any) -> dict[str, Any]:
        """Return a page of the ``backfills``, newest first, and ``next_cursor`` or None."""
        return dict(self._transport.call("GET", "/api/backfills", params=paging))

    def get(self, backfill_id: str, *, items: str = "all") -> dict[str, Any]:
        """Return a backfill with its ``items``: ``all`` of them, the ``failed`` ones, or ``none``."""
        found = self._transport.call("GET", _path(backfill_id), params={"items": items})
        return dict(found)

    def cancel(self, backfill_id: str) -> dict[str, Any]:
        """Start no more of its runs, cancel those that go on, and return it."""
        return dict(self._transport.call("DELETE", _path(backfill_id)))

    def retry(self, backfill_id: str) -> dict[str, Any]:
        """Run again what failed or was cancelled, and return the backfill."""
        return self._post(f"/{quote(backfill_id, safe='')}/retry", {})

    def wait(
        self, backfill_id: str, progress: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Return a backfill, with the items that failed, once each of its items has ended.

        Args:
            backfill_id: its id.
            progress: called with the backfill after each look.
        """
        while (found := self.get(backfill_id, items="none"))["status"] == "RUNNING":
            if progress:
                progress(found)
            time.sleep(_POLL)
        if progress:
            progress(found)
        return self.get(backfill_id, items="failed")

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(content, default=str)
        headers = {"Content-Type": "application/json"}
        address = f"/api/backfills{path}"
        return dict(self._transport.call("POST", address, data=body, headers=headers))


def _path(backfill_id: str) -> str:
    return f"/api/backfills/{quote(backfill_id, safe='')}"


def _request(
    path: str, over: dict[str, Any], parameters: dict[str, Any] | None, **more: Any
) -> dict[str, Any]:
    return {"task": path, "over": over, "parameters": parameters or {}, **more}
