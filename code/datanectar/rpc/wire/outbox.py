"""Calls on their way to luigid: each in a request of its own, or many in one."""

from __future__ import annotations

import threading
import time
from typing import Protocol
from urllib.parse import urlencode

from datanectar.rpc.wire.pipeline import OUTAGE, Pipeline, Request

#: How many calls are kept at most before they are sent, and for how many seconds.
_MOST_KEPT, _KEPT_FOR = 50, 0.02


class Outbox(Protocol):
    """What a thread sends its calls through. A path is that of an RPC, data its arguments as JSON."""

    def send(self, path: str, data: str, timeout: float) -> None:
        """Send a call soon, without waiting for its response."""

    def fetch(self, path: str, data: str, timeout: float) -> str:
        """Return the response to a call, which luigid does after all earlier ones.

        Raises:
            OSError, http.client.IncompleteRead, SchedulerError: as ``Pipeline.fetch`` does.
        """

    def push(self, timeout: float) -> None:
        """Send what is kept, without waiting."""

    def flush(self, timeout: float) -> None:
        """Send what is kept, and wait for all responses; raises as :meth:`fetch` does."""

    def close(self) -> None:
        """Close the connection."""


class Singles:
    """Sends each call in a request of its own: any luigid takes that."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def send(self, path: str, data: str, timeout: float) -> None:
        """Send a call now."""
        self._pipeline.send(_form(path, data), timeout)

    def fetch(self, path: str, data: str, timeout: float) -> str:
        """Return the response to a call."""
        return self._pipeline.fetch(_form(path, data), timeout)

    def push(self, timeout: float) -> None:
        """Do nothing: nothing is kept."""

    def flush(self, timeout: float) -> None:
        """Wait for all responses."""
        self._pipeline.flush(timeout)

    def close(self) -> None:
        """Close the connection."""
        self._pipeline.close()


class Batches:
    """Keeps calls for a moment and sends them together (:mod:`datanectar.luigid.batch_handler`).

    Another thread may call :meth:`push`.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = threading.RLock()
        self._kept: list[str] = []
        self._folder = ""
        self._sent_at = time.monotonic()

    def send(self, path: str, data: str, timeout: float) -> None:
        """Keep a call; send what is kept when it is much, or has been kept for long."""
        with self._lock:
            self._keep(path, data)
            is_due = time.monotonic() - self._sent_at > _KEPT_FOR
            if is_due or len(self._kept) >= _MOST_KEPT:
                self.push(timeout)

    def fetch(self, path: str, data: str, timeout: float) -> str:
        """Send what is kept with this call at its end; return the response to this call."""
        with self._lock:
            self._keep(path, data)
            try:
                responses = self._pipeline.fetch(self._request(), timeout)
            except OUTAGE:
                self._kept.pop()  # the caller will send it again
                raise
            self._has_sent()
            return responses.rpartition("\n")[2]

    def push(self, timeout: float) -> None:
        """Send what is kept, without waiting."""
        with self._lock:
            if self._kept:
                self._pipeline.send(self._request(), timeout)
                self._has_sent()

    def flush(self, timeout: float) -> None:
        """Send what is kept, and wait for all responses."""
        with self._lock:
            self.push(timeout)
            self._pipeline.flush(timeout)

    def close(self) -> None:
        """Close the connection."""
        self._pipeline.close()

    def _keep(self, path: str, data: str) -> None:
        self._folder, _, method = path.rpartition("/")
        self._kept.append(f'["{method}", {data}]')

    def _request(self) -> Request:
        body = f"[{','.join(self._kept)}]".encode()
        return Request(f"{self._folder}/batch", body, "application/json")

    def _has_sent(self) -> None:
        self._kept.clear()
        self._sent_at = time.monotonic()


def _form(path: str, data: str) -> Request:
    return Request(path, urlencode({"data": data}).encode())
