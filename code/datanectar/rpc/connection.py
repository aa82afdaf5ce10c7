"""The connections of a run to luigid, and whether luigid can be reached."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from datanectar.luigid.address import full_url
from datanectar.messages import SchedulerReport
from datanectar.rpc.pipeline import OUTAGE, Pipeline, Request


class LuigidConnection:
    """Posts to luigid: the fetcher of Luigi's ``RemoteScheduler`` (luigi/rpc.py).

    Luigi would pick ``requests`` where that is installed, which costs twice as much a call.

    Args:
        url: luigid's address.
        send_report: takes reports for the parent.
        token: reads the token that luigid asks for.
    """

    #: The errors after which ``RemoteScheduler`` may try again.
    raises = OUTAGE

    def __init__(
        self,
        url: str,
        send_report: Callable[[Any], None],
        token: Callable[[], str | None] | None = None,
    ) -> None:
        self._url = full_url(url)
        self._send_report = send_report
        self._token = token or (lambda: None)
        self._reachable = True
        self._pipelines: dict[tuple[int, int], Pipeline] = {}

    def fetch(self, full_url: str, body: dict[str, str], timeout: float) -> str:
        """Return the body of luigid's response.

        Args:
            full_url: the URL of the RPC.
            body: the fields of the form.
            timeout: seconds to connect, and between two pieces of a response.

        Raises:
            OSError, http.client.IncompleteRead: when luigid can't be reached.
            SchedulerError: when luigid refuses this call or one before it, or is not luigid.
        """
        with self._reachability_reported():
            return self._pipeline().fetch(_request(full_url, body), timeout)

    def send(self, full_url: str, body: dict[str, str], timeout: float) -> None:
        """Send a request without waiting for the response; luigid does it before later ones."""
        self._pipeline().send(_request(full_url, body), timeout)

    def flush(self, timeout: float) -> None:
        """Wait until luigid has done all that was sent; raises as :meth:`fetch` does."""
        with self._reachability_reported():
            self._pipeline().flush(timeout)

    def close(self) -> None:
        """Close the connections."""
        for pipeline in self._pipelines.values():
            pipeline.close()
        self._pipelines.clear()

    def _pipeline(self) -> Pipeline:
        # By process and thread: task processes and the pinging thread use this fetcher as well.
        owner = (os.getpid(), threading.get_ident())
        if owner not in self._pipelines:
            self._pipelines[owner] = Pipeline(self._url, self._token)
        return self._pipelines[owner]

    @contextlib.contextmanager
    def _reachability_reported(self) -> Iterator[None]:
        """Report when luigid can't be reached any more, or can be reached again."""
        try:
            yield
        except OUTAGE:
            self._report(False)
            raise
        self._report(True)

    def _report(self, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            self._send_report(SchedulerReport(reachable))


def _request(full_url: str, body: dict[str, str]) -> Request:
    return Request(urlsplit(full_url).path, urlencode(body).encode())
