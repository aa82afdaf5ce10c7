"""Sends all event streams from few threads: a stream that waits occupies a connection and no thread."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import socket
import threading
import time
from collections.abc import Iterator

from datanectar.http.event_stream import PAUSE

log = logging.getLogger(__name__)

_THREADS = 4
#: Seconds until a client that takes nothing is asked again, and after which it is given up.
_BLOCKED_PAUSE, _LONGEST_BLOCKED = 0.02, 60.0
#: Pieces sent of one stream before the next one's turn.
_PIECES_A_TURN = 16
#: The share of one core that all streams together may take.
_SHARE = 0.25


class _Stream:
    """One client's stream: what is still to be sent of it, and how."""

    def __init__(self, sock: socket.socket, pieces: Iterator[bytes], chunked: bool) -> None:
        self._sock, self._pieces, self._chunked = sock, pieces, chunked
        self._unsent = b""
        self._is_over = False
        self._taken_at = time.monotonic()

    def send(self) -> float | None:
        """Send what there is. Return the seconds until it is asked again; None at the end.

        Raises:
            OSError: when the client is gone.
        """
        if self._is_closed():
            return None
        for _ in range(_PIECES_A_TURN):
            if not self._unsent:
                if self._is_over:
                    return None
                if not self._take_next():
                    return PAUSE
            if not self._send_some():
                return _BLOCKED_PAUSE
        return 0.0

    def close(self) -> None:
        """End the response, and the connection."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        self._sock.close()

    def _take_next(self) -> bool:
        """Take the next piece; return False when there is nothing new."""
        piece = next(self._pieces, None)
        self._taken_at = time.monotonic()
        if piece is None:
            self._is_over = True
            self._unsent = b"0\r\n\r\n" if self._chunked else b""
        elif self._chunked and piece:
            self._unsent = b"%x\r\n%b\r\n" % (len(piece), piece)
        else:
            self._unsent = piece
        return bool(self._unsent) or self._is_over

    def _send_some(self) -> bool:
        """Send as much as the client takes; return False when it takes no more now."""
        try:
            sent = self._sock.send(self._unsent, socket.MSG_DONTWAIT) if self._unsent else 0
        except BlockingIOError:
            if time.monotonic() - self._taken_at > _LONGEST_BLOCKED:
                raise TimeoutError("the client takes nothing") from None
            return False
        self._unsent = self._unsent[sent:]
        return not self._unsent

    def _is_closed(self) -> bool:
        """Tell whether the client has ended the connection."""
        try:
            return not self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False


class StreamHub:
    """Sends streams until they end or their clients go.

    Args:
        most: so many streams at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._turns: list[tuple[float, int, _Stream]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._has_threads = False

    def has_room(self) -> bool:
        """Tell whether another stream may be added."""
        return self._count < self._most

    def add(self, sock: socket.socket, pieces: Iterator[bytes], *, chunked: bool) -> None:
        """Send a stream; the head of the response has been sent already.

        Args:
            sock: the connection; the hub keeps a duplicate of it.
            pieces: see :mod:`datanectar.http.event_stream`.
            chunked: whether the body is in chunks (RFC 9112 section 7.1).
        """
        stream = _Stream(sock.dup(), pieces, chunked)
        with self._changed:
            self._count += 1
            if not self._has_threads:
                self._has_threads = True
                for _ in range(_THREADS):
                    threading.Thread(target=self._work, name="streams", daemon=True).start()
        self._wait(stream, 0.0)

    def _wait(self, stream: _Stream, seconds: float) -> None:
        with self._changed:
            heapq.heappush(self._turns, (time.monotonic() + seconds, next(self._numbers), stream))
            self._changed.notify()

    def _next(self) -> _Stream:
        with self._changed:
            while True:
                left = self._turns[0][0] - time.monotonic() if self._turns else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._turns)[2]
                self._changed.wait(left)

    def _work(self) -> None:
        while True:
            stream = self._next()
            begin = time.thread_time()
            pause = self._sent(stream)
            if pause is None:
                stream.close()
                with self._changed:
                    self._count -= 1
            else:
                took = time.thread_time() - begin
                self._wait(stream, max(pause, took * self._count / _SHARE) if pause else 0.0)

    def _sent(self, stream: _Stream) -> float | None:
        try:
            return stream.send()
        except OSError:
            return None  # the client is gone
        except Exception:
            log.exception("a stream ended")
            return None
