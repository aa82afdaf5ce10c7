"""Webhooks over HTTP: list, add, try, remove."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from datanectar.client.transport import Transport

#: Seconds between two looks at a delivery.
_POLL = 0.3


class Webhooks:
    """The webhooks of an app, as ``Client.webhooks``; each needs a token of scope ``admin``.

    Args:
        transport: sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[dict[str, Any]]:
        """Return the webhooks by name, without their secrets."""
        return [*self._transport.call("GET", "/api/webhooks")]

    def add(self, /, name: str, url: str, **options: Any) -> dict[str, Any]:
        """Add a webhook and return it, this once with its ``secret``.

        Args:
            name: what it is called.
            url: ``https://...``, or a URL of Apprise.
            options: filters, each a list of names: ``events``, ``types``, ``chains``, ``tasks``,
                ``statuses``; and ``secret``, else one is made.

        Raises:
            BadRequest: when something is missing, unknown or unreadable; ``fields`` names each.
            Conflict: when the name is taken.
        """
        return self._post("", {"name": name, "url": url, **options})

    def get(self, name: str) -> dict[str, Any]:
        """Return a webhook with its last ``deliveries``, the newest first."""
        return dict(self._transport.call("GET", _path(name)))

    def remove(self, name: str) -> None:
        """Remove a webhook, with what waits for it."""
        self._transport.call("DELETE", _path(name))

    def retry(self, name: str) -> int:
        """Have what was given up for a webhook sent again, and return how much that is."""
        return int(self._post(f"/{quote(name, safe='')}/retry", {})["retried"])

    def test(self, name: str, timeout: float = 0.0) -> dict[str, Any]:
        """Send a webhook an event of its own, and return the delivery.

        Args:
            name: the webhook's.
            timeout: seconds to wait for the first answer.
        """
        delivery = self._post(f"/{quote(name, safe='')}/test", {})
        deadline = time.monotonic() + timeout
        while _is_unanswered(delivery) and time.monotonic() < deadline:
            time.sleep(_POLL)
            found = self.get(name)["deliveries"]
            delivery = next((one for one in found if one["id"] == delivery["id"]), delivery)
        return delivery

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        address = f"/api/webhooks{path}"
        return dict(
            self._transport.call("POST", address, data=json.dumps(content), headers=headers)
        )


def _path(name: str) -> str:
    return f"/api/webhooks/{quote(name, safe='')}"


def _is_unanswered(delivery: dict[str, Any]) -> bool:
    return delivery["status"] == "WAITING" and delivery["answer"] is None
