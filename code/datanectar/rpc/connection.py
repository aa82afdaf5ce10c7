"""The connection to luigid: requests that follow each other, sent again when it breaks."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode, urlsplit

from datanectar.errors import SchedulerError
from datanectar.luigid.address import full_url, host_and_port, not_luigid
from datanectar.messages import SchedulerReport

#: What a proxy answers while luigid behind it is away.
_AWAY = (502, 503, 504)
#: What luigid itself may answer but 200 (luigi/server.py ``RPCHandler``, and our own's guard).
_LUIGIDS_OWN = (400, 403, 500)
#: How many requests may be unanswered, so that neither side's buffers fill up.
_MOST_UNANSWERED = 50


class LuigidConnection:
    """Posts to luigid over one kept connection for each process and thread.

    Luigi picks ``requests`` when it is installed, which costs twice as much a call; its fetchers
    are given by ``RemoteScheduler._fetcher`` (luigi/rpc.py).

    Args:
        url: luigid's address.
        send: takes reports for the parent.
        token: reads the token that luigid asks for; each luigid makes its own when it starts.
    """

    #: What an outage of luigid is: a connection that fails. Whatever else goes wrong, it answers.
    raises = (OSError, http.client.IncompleteRead)

    def __init__(
        self, url: str, send: Callable[[Any], None], token: Callable[[], str | None] | None = None
    ) -> None:
        self._url = full_url(url)
        self._token = token or (lambda: None)
        self._send = send
        self._reachable = True
        self._lines: dict[tuple[int, int], _Line] = {}

    def fetch(self, full_url: str, body: dict[str, str], timeout: float) -> str:
        """Return luigid's answer.

        Raises:
            OSError: when luigid can't be reached.
            SchedulerError: when it refuses this call or one before it, or is not luigid.
        """
        with self._watched():
            return self._line().ask(self._request(full_url, body), timeout)

    def tell(self, full_url: str, body: dict[str, str], timeout: float) -> None:
        """Send a request without waiting for its answer; luigid does it before what follows.

        If luigid is away, the next :meth:`fetch` or :meth:`settle` finds out and sends it again.
        """
        self._line().tell(self._request(full_url, body), timeout)

    def settle(self, timeout: float) -> None:
        """Return when luigid has done all that it was told.

        Raises:
            OSError, SchedulerError: as :meth:`fetch` does.
        """
        with self._watched():
            self._line().settle(timeout)

    def close(self) -> None:
        """Close the connections."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    def _line(self) -> _Line:
        # By process and thread: task processes and the pinging thread use this fetcher as well.
        me = (os.getpid(), threading.get_ident())
        if me not in self._lines:
            self._lines[me] = _Line(self._url, self._token)
        return self._lines[me]

    def _request(self, full_url: str, body: dict[str, str]) -> bytes:
        data = urlencode(body).encode()
        head = (
            f"POST {urlsplit(full_url).path} HTTP/1.1\r\nHost: {urlsplit(self._url).netloc}\r\n"
            f"Content-Length: {len(data)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        return head.encode() + data

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Report when luigid begins or ceases to be reachable."""
        try:
            yield
        except self.raises:
            self._say_reachable(False)
            raise
        self._say_reachable(True)

    def _say_reachable(self, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            self._send(SchedulerReport(reachable))


class _Line:
    """A connection on which requests follow each other without waiting (RFC 9112, section 9.3.2).

    What has no answer yet when it breaks is sent again over the next one.
    """

    def __init__(self, url: str, token: Callable[[], str | None]) -> None:
        self._url = url
        self._token = token
        self._shown = b""
        self._socket: socket.socket | None = None
        self._reader: io.BufferedReader[Any] | None = None
        self._unanswered: deque[bytes] = deque()
        self._sent = 0

    def ask(self, request: bytes, timeout: float) -> str:
        """Return the answer to a request, after those to all before it."""
        self._unanswered.append(request)
        try:
            return self.settle(timeout)
        except LuigidConnection.raises:
            self._unanswered.pop()  # whoever asks will ask again
            raise

    def tell(self, request: bytes, timeout: float) -> None:
        """Send a request, the answer to which the next to ask will read."""
        self._unanswered.append(request)
        if self._socket is None and len(self._unanswered) > 1:
            return  # luigid is away, and to try again and again is for those who wait for it
        try:
            self._send(timeout)
            while len(self._unanswered) > _MOST_UNANSWERED:
                self._take_answer()
        except LuigidConnection.raises:
            self.close()

    def settle(self, timeout: float) -> str:
        """Wait for the answers to all requests; return the last, if there was a request."""
        kept = self._socket is not None
        try:
            return self._take_answers(timeout)
        except LuigidConnection.raises:
            self.close()
            if not kept:
                raise
        return self.settle(timeout)  # luigid may have closed the kept connection

    def close(self) -> None:
        """Close the connection; whatever has no answer yet belongs to the next one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._sent = 0

    def _take_answers(self, timeout: float) -> str:
        text = ""
        while self._unanswered:
            self._send(timeout)
            text = self._take_answer()
        return text

    def _send(self, timeout: float) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(host_and_port(self._url), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = _Answers(socket.SocketIO(self._socket, "r"))
            # Now that it listens: it has made its token before that.
            token = self._token()
            self._shown = f"\r\nAuthorization: Bearer {token}".encode() if token else b""
        if self._sent < len(self._unanswered):
            # In one piece: http.client would send the head by itself, and wake luigid for it.
            new = islice(self._unanswered, self._sent, None)
            self._socket.sendall(b"".join(map(self._with_token, new)))
            self._sent = len(self._unanswered)

    def _with_token(self, request: bytes) -> bytes:
        head, end, body = request.partition(b"\r\n\r\n")
        return head + self._shown + end + body

    def _take_answer(self) -> str:
        try:
            return self._take_next()
        except SchedulerError:
            self._unanswered.clear()  # the run ends here: what it meant to say next is void
            self.close()
            raise

    def _take_next(self) -> str:
        response = http.client.HTTPResponse(self, method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
            text = response.read().decode(errors="replace")
        except LuigidConnection.raises:
            raise
        except (http.client.HTTPException, ValueError) as problem:
            raise SchedulerError(not_luigid(self._url, "it does not speak HTTP")) from problem
        if response.status != 200:
            raise self._refusal(response, text)
        self._unanswered.popleft()
        self._sent -= 1
        if response.will_close:
            self.close()
        return text

    def _refusal(self, response: http.client.HTTPResponse, text: str) -> Exception:
        status = f"{response.status} {response.reason}"
        if response.status in _AWAY:
            return OSError(f"{self._url} answers {status}")
        if response.status not in _LUIGIDS_OWN:
            return SchedulerError(not_luigid(self._url, status))
        call = self._unanswered[0].split(b" ", 2)[1].decode()
        words = f": {text[:300]}" if text and "<" not in text else ""
        return SchedulerError(f"luigid at {self._url} refuses {call} ({status}){words}")

    def makefile(self, mode: str) -> io.BufferedReader[Any] | None:
        """Return where ``http.client`` reads the next answer."""
        return self._reader


class _Answers(io.BufferedReader):
    """Several answers one after another; ``http.client`` closes what it has read one from."""

    def close(self) -> None:
        """Stay open: the next answer may be in the buffer already."""
