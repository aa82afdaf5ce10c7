"""The connections of a run to luigid, and whether luigid can be reached."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from datanectar.luigid.address import full_url
from datanectar.messages import SchedulerReport
from datanectar.rpc.wire.outbox import Batches, Outbox, Singles
from datanectar.rpc.wire.pipeline import OUTAGE, Pipeline
from datanectar.telemetry.counts import LUIGID, count_error


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
        self._outboxes: dict[tuple[int, int], Outbox] = {}

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
            return self.outbox().fetch(urlsplit(full_url).path, body["data"], timeout)

    def send(self, full_url: str, body: dict[str, str], timeout: float) -> None:
        """Send a request soon, without waiting for the response; luigid does it before later ones."""
        self.outbox().send(urlsplit(full_url).path, body["data"], timeout)

    def push(self, timeout: float) -> None:
        """Send at once what :meth:`send` has kept."""
        self.outbox().push(timeout)

    def flush(self, timeout: float) -> None:
        """Wait until luigid has done all that was sent; raises as :meth:`fetch` does."""
        with self._reachability_reported():
            self.outbox().flush(timeout)

    def close(self) -> None:
        """Close the connections."""
        for outbox in self._outboxes.values():
            outbox.close()
        self._outboxes.clear()

    def is_our_luigid(self) -> bool:
        """Tell whether this is a luigid of ours: it asks for a token, and takes more than Luigi's."""
        return self._token() is not None

    def outbox(self) -> Outbox:
        """Return what this thread of this process sends its calls through."""
        # By process and thread: task processes and the pinging thread use this fetcher as well.
        owner = (os.getpid(), threading.get_ident())
        if owner not in self._outboxes:
            kind = Batches if self.is_our_luigid() else Singles
            self._outboxes[owner] = kind(Pipeline(self._url, self._token))
        return self._outboxes[owner]

    @contextlib.contextmanager
    def _reachability_reported(self) -> Iterator[None]:
        """Report when luigid can't be reached any more, or can be reached again."""
        try:
            yield
        except OUTAGE as problem:
            count_error(LUIGID, problem)
            self._report(False)
            raise
        self._report(True)

    def _report(self, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            self._send_report(SchedulerReport(reachable))
