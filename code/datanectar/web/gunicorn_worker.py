"""gunicorn's worker with threads, to which slow clients cost nothing but a connection.

A request is read by the one thread that waits for all connections, and gets a thread of the pool
when it is whole. An answer that a slow client takes its time over has a thread that others don't
need. What never becomes a request is answered in the envelope too.
"""

from __future__ import annotations

import contextlib
import errno
import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.wsgi import FileWrapper
from gunicorn.workers.gthread import TConn, ThreadWorker

from datanectar.http.request_reader import Arrival, RefusedEarly

#: Seconds in which a head must be there from its first byte on, and a body from its head on.
_HEAD_TIME = 10.0
_BODY_TIME = 60.0
#: Seconds in which a client must take a piece of its answer, and how large that is, in bytes.
_PIECE_TIME = 60.0
_PIECE = 64 * 1024
#: Seconds that a client has to read a last answer before what it still sends cuts it off.
_LEAVE_TIME = 5.0
#: Answers that may be on their way to slow clients at a time, beside the threads that work.
_SLOW_ANSWERS = 64
#: What all requests that are not whole yet may hold, in bytes.
_MOST_HELD = 64 * 1024 * 1024


class _Connection(TConn):
    """A connection, and what has come of its next request."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.initialized = True  # each request gets a parser of its own
        self.arrival = Arrival()
        self.request = b""  # the one that is being answered
        self.deadline = 0.0
        self.is_leaving = False  # answered for the last time; what it sends is thrown away


class WebWorker(ThreadWorker):
    """The worker; see the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.flask: Any = None
        self.wsgi: Any = None
        self._waiting: dict[_Connection, None] = {}  # the one that has waited longest comes first
        self._held = 0  # bytes of requests that are not whole yet
        self._looked = 0.0
        self._at_work = threading.Semaphore(self.cfg.threads)
        self._sending: dict[socket.socket, None] = {}  # the one that takes longest comes first
        self._sending_lock = threading.Lock()

    def load_wsgi(self) -> None:
        """Load the app, and let no more threads than the settings say work in it at a time."""
        super().load_wsgi()
        self.flask = self.wsgi
        self.wsgi = self._answer

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return threads for work, and others for answers that are being sent."""
        return ThreadPoolExecutor(self.cfg.threads + _SLOW_ANSWERS)

    # --- requests that arrive, in the one thread that waits for all connections -------------------

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection; when there are too many, the one that has waited longest goes."""
        try:
            client, address = listener.accept()
        except OSError as problem:
            if problem.errno in (errno.EMFILE, errno.ENFILE):
                self._end_oldest()
            elif problem.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        self._wait_for(_Connection(self.cfg, client, address, listener.getsockname()), _HEAD_TIME)
        if self.nr_conns >= self.worker_connections:
            self._end_oldest()

    def finish_request(self, conn: _Connection, done: Future[bool]) -> None:
        """Wait for the connection's next request after an answer, or end it."""
        is_kept = not done.cancelled() and done.exception() is None and done.result()
        if not is_kept or conn.parser.unreader.take_buffered():
            self._leave(conn)
            return
        self._wait_for(conn, self.cfg.keepalive)
        if conn.arrival:  # the client did not wait for the answer
            self._take_in(conn, b"")

    def murder_pending(self) -> None:
        """End what has waited for too long. Called after every event, it looks once a second."""
        now = time.monotonic()
        if self.alive and now - self._looked < 1:
            return
        self._looked = now
        for conn in [conn for conn in self._waiting if conn.deadline < now]:
            if conn.arrival:
                self._refuse(conn, 408, "The request did not arrive in time.")
            else:
                self._end(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """End by ``deadline`` what waits when a stop begins; gunicorn looks once a second then."""
        for conn in self._waiting:
            conn.deadline = min(conn.deadline, deadline - 1)

    def _wait_for(self, conn: _Connection, seconds: float) -> None:
        conn.deadline = time.monotonic() + seconds
        conn.sock.setblocking(False)
        self._waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._hear, conn))

    def _stop_waiting(self, conn: _Connection) -> None:
        if conn in self._waiting:
            del self._waiting[conn]
            self.poller.unregister(conn.sock)

    def _hear(self, conn: _Connection, _: object) -> None:
        if conn not in self._waiting:  # ended by another of the events that came together
            return
        try:
            piece = conn.sock.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            piece = b""
        if piece and not conn.is_leaving:
            self._take_in(conn, piece)
        elif conn.arrival:
            self._refuse(conn, 400, "The request ended before it was whole.")
        elif not piece:
            self._end(conn)

    def _take_in(self, conn: _Connection, piece: bytes) -> None:
        """Add what came to the request; once that is whole, have a thread answer it."""
        arrival = conn.arrival
        before, had_head = len(arrival), arrival.has_head
        try:
            is_whole = arrival.feed(piece)
        except RefusedEarly as refusal:
            self._refuse(conn, refusal.status, refusal.words)
            return
        finally:
            self._held += len(arrival) - before
        if is_whole:
            self._stop_waiting(conn)
            conn.request = arrival.take()
            self._held -= len(conn.request)
            self.enqueue_req(conn)
        elif arrival.has_head and not had_head:
            conn.deadline = time.monotonic() + _BODY_TIME
            if arrival.awaits_go_ahead:
                _send(conn.sock, b"HTTP/1.1 100 Continue\r\n\r\n")
        elif not before:
            conn.deadline = time.monotonic() + _HEAD_TIME
        while self._held > _MOST_HELD and self._waiting:
            self._end_oldest()

    def _refuse(self, conn: _Connection, status: int, words: str) -> None:
        _send(conn.sock, _refusal(status, words))
        self._leave(conn)

    def _leave(self, conn: _Connection) -> None:
        """Say that no more comes, and let the client read what came before closing on it."""
        self._stop_waiting(conn)
        self._held -= len(conn.arrival)
        conn.arrival, conn.is_leaving = Arrival(), True
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(conn)
        else:
            self._wait_for(conn, _LEAVE_TIME)

    def _end_oldest(self) -> None:
        if self._waiting:
            self._end(next(iter(self._waiting)))

    def _end(self, conn: _Connection) -> None:
        self._stop_waiting(conn)
        self._held -= len(conn.arrival)
        self.nr_conns -= 1
        conn.close()

    # --- answers, in the pool's threads -----------------------------------------------------------

    def handle(self, conn: _Connection) -> bool:
        """Answer a request that is whole; return whether the connection is kept."""
        conn.parser = get_parser(self.cfg, [conn.request], conn.client)
        conn.request = b""
        return bool(super().handle(conn))

    def handle_request(self, req: Any, conn: _Connection) -> bool:
        """Answer what could be parsed."""
        req._expected_100_continue = False  # it was told to go ahead, and did
        try:
            return bool(super().handle_request(req, conn))
        finally:
            with self._sending_lock:
                self._sending.pop(conn.sock, None)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that can't be parsed."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status = next((s for kind, s in _PARSE_STATUSES.items() if isinstance(exc, kind)), 400)
        _send(client, _refusal(status, f"This is no request that can be read: {str(exc)[:300]}"))

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self._at_work:
            body: Iterable[bytes] = self.flask(environ, start)
        client = environ["gunicorn.socket"]
        with self._sending_lock:
            self._sending[client] = None
            if len(self._sending) > _SLOW_ANSWERS:
                oldest = next(iter(self._sending))
                del self._sending[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        if not isinstance(body, FileWrapper):
            return _in_pieces(body, client)
        client.settimeout(_PIECE_TIME)
        whole: Iterable[bytes] = body
        return whole


_PARSE_STATUSES = {
    ExpectationFailed: 417,
    LimitRequestHeaders: 431,
    LimitRequestLine: 414,
    UnsupportedTransferCoding: 501,
}


def _in_pieces(body: Iterable[bytes], client: socket.socket) -> Iterator[bytes]:
    """Yield the body in pieces, each of which has its time to be sent.

    The first needs none: there is room for it, and a limit costs every small answer a system call.
    """
    try:
        is_first = True
        for part in body:
            for start in range(0, len(part), _PIECE):
                if not is_first:
                    client.settimeout(_PIECE_TIME)
                is_first = False
                yield part[start : start + _PIECE]
    finally:
        if hasattr(body, "close"):
            body.close()


def _refusal(status: int, words: str) -> bytes:
    body = json.dumps({"data": None, "message": words, "status": status})
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy: same-origin",
        "X-Content-Type-Options: nosniff",
    )
    return "\r\n".join((*head, "", body)).encode()


def _send(client: socket.socket, words: bytes) -> None:
    with contextlib.suppress(OSError):  # the client may have gone
        client.sendall(words)
