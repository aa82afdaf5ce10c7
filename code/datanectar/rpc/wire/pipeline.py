"""One connection to luigid, on which requests may follow each other without waiting.

HTTP allows it (RFC 9112, section 9.3.2), and luigid responds in order. A run makes two ``add_task``
calls for each task and needs no reply to them. Measured on 1,000 small tasks (``benchmarks fanin``):
0.8 to 1.1 times as long as a plain ``luigi.build`` with this, 1.0 to 1.5 times with a wait for each.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from datanectar.errors import SchedulerError
from datanectar.luigid.address import host_and_port, not_luigid

#: The errors that mean an outage. After any other error luigid is there.
OUTAGE = (OSError, http.client.IncompleteRead)
#: HTTP statuses with which a proxy answers when luigid is not reachable.
_AWAY = (502, 503, 504)
#: Statuses of luigid itself other than 200 (luigi/server.py ``RPCHandler``, and our luigid's own).
_REFUSALS = (400, 403, 500)
#: How many requests may wait for their responses, so that neither side's buffers fill up.
_MOST_PENDING = 50


class Request(NamedTuple):
    """A POST to luigid: its path, and its body, an encoded form or JSON."""

    path: str
    body: bytes
    content_type: str = "application/x-www-form-urlencoded"


class Pipeline:
    """Sends requests and reads their responses in order.

    Requests without a response when the connection breaks are sent again over the next one.

    Args:
        url: luigid's address.
        token: reads the token that luigid asks for.
    """

    def __init__(self, url: str, token: Callable[[], str | None]) -> None:
        self._url = url
        self._token = token
        self._head = ""
        self._socket: socket.socket | None = None
        self._reader: io.BufferedReader[Any] | None = None
        #: Requests without a response; the first ``_sent`` of them have been sent.
        self._pending: deque[Request] = deque()
        self._sent = 0

    def send(self, request: Request, timeout: float) -> None:
        """Send a request without waiting for its response.

        If luigid is away, the request is sent by the next :meth:`fetch` or :meth:`flush`.
        """
        self._pending.append(request)
        if self._socket is None and len(self._pending) > 1:
            return
        try:
            self._send_pending(timeout)
            while len(self._pending) > _MOST_PENDING:
                self._read_response()
        except OUTAGE:
            self.close()

    def fetch(self, request: Request, timeout: float) -> str:
        """Return the body of the response to a request; luigid does all earlier ones before it.

        Raises:
            OSError, http.client.IncompleteRead: when luigid can't be reached.
            SchedulerError: when luigid refuses a request, or something else listens at its address.
        """
        self._pending.append(request)
        try:
            return self.flush(timeout)
        except OUTAGE:
            self._pending.pop()  # the caller will send it again
            raise

    def flush(self, timeout: float) -> str:
        """Wait for the responses to all requests; return the body of the last one.

        Raises:
            OSError, http.client.IncompleteRead, SchedulerError: as :meth:`fetch` does.
        """
        while True:
            was_open = self._socket is not None
            try:
                body = ""
                while self._pending:
                    self._send_pending(timeout)
                    body = self._read_response()
                return body
            except OUTAGE:
                self.close()
                if not was_open:  # otherwise luigid may have closed the kept connection
                    raise

    def close(self) -> None:
        """Close the connection. Requests without a response wait for the next one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._sent = 0

    def _send_pending(self, timeout: float) -> None:
        """Send what has not been sent, over a new connection if need be."""
        connection = self._socket or self._connect(timeout)
        if self._sent < len(self._pending):
            unsent = islice(self._pending, self._sent, None)
            connection.sendall(b"".join(map(self._encoded, unsent)))
            self._sent = len(self._pending)

    def _connect(self, timeout: float) -> socket.socket:
        self._socket = socket.create_connection(host_and_port(self._url), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = _OpenReader(socket.SocketIO(self._socket, "r"))
        # Each luigid makes its own token before it listens.
        token = self._token()
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._head = f"Host: {urlsplit(self._url).netloc}\r\n{authorization}"
        return self._socket

    def _encoded(self, request: Request) -> bytes:
        head = (
            f"POST {request.path} HTTP/1.1\r\n{self._head}"
            f"Content-Type: {request.content_type}\r\n"
            f"Content-Length: {len(request.body)}\r\n\r\n"
        )
        return head.encode() + request.body

    def _read_response(self) -> str:
        """Return the body of the response to the first pending request."""
        response = http.client.HTTPResponse(self, method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
            body = response.read().decode(errors="replace")
            if response.status != 200:
                raise self._problem(response, body)
        except OUTAGE:
            raise
        except (http.client.HTTPException, SchedulerError, ValueError) as problem:
            self._pending.clear()  # the run ends here
            self.close()
            if isinstance(problem, SchedulerError):
                raise
            raise SchedulerError(not_luigid(self._url, "it does not speak HTTP")) from problem
        self._pending.popleft()
        self._sent -= 1
        if response.will_close:
            self.close()
        return body

    def _problem(self, response: http.client.HTTPResponse, body: str) -> Exception:
        """Return what a response other than 200 means."""
        status = f"{response.status} {response.reason}"
        if response.status in _AWAY:
            return OSError(f"{self._url} answers {status}")
        if response.status not in _REFUSALS:
            return SchedulerError(not_luigid(self._url, status))
        path = self._pending[0].path
        words = f": {body[:300]}" if body and "<" not in body else ""
        return SchedulerError(f"luigid at {self._url} refuses {path} ({status}){words}")

    def makefile(self, mode: str) -> io.BufferedReader[Any] | None:
        """Return where ``http.client`` reads the next response."""
        return self._reader


class _OpenReader(io.BufferedReader):
    """A reader that ``http.client`` can't close after a response: the next one may be buffered."""

    def close(self) -> None:
        """Stay open."""
