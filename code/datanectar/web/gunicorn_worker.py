"""gunicorn's threaded worker, changed so that slow clients occupy connections and no working threads.

One thread waits for all connections and reads the requests; a complete request gets a thread of the
pool. Responses to slow clients are sent by extra threads, event streams by those of a hub. Bytes that
can't become a request get a JSON response too.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
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

from datanectar.http.event_stream import ROOM, STREAM
from datanectar.http.request_reader import RefusedRequest, RequestReader
from datanectar.web.responses import PIECE, PIECE_TIME, in_pieces, refusal, send
from datanectar.web.stream_hub import StreamHub

#: Seconds from the first byte of a head to its end, and from there to the end of the body.
_HEAD_TIME = 10.0
_BODY_TIME = 60.0
#: Seconds for which a connection stays open after its last response, for the client to read it.
_LINGER_TIME = 5.0
#: The most responses that are being sent to slow clients at a time, beside the working threads.
_SLOW_RESPONSES = 64
#: The most bytes that all incomplete requests may hold.
_MOST_HELD = 64 * 1024 * 1024


class _Connection(TConn):
    """A connection, and the bytes of its next request."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.initialized = True  # gunicorn must make no parser: each request gets its own
        self.reader = RequestReader()
        self.request = b""  # the complete request that is being handled
        self.deadline = 0.0
        self.is_lingering = False  # its last response is sent; what it still sends is dropped


class WebWorker(ThreadWorker):
    """gunicorn's ``ThreadWorker`` that reads requests in its own thread; see the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.flask: Any = None
        self.wsgi: Any = None
        self._waiting: dict[_Connection, None] = {}  # the oldest comes first
        self._held = 0  # bytes of incomplete requests
        self._checked_at = 0.0
        self._working = threading.Semaphore(self.cfg.threads)
        self._sending: dict[socket.socket, None] = {}  # the oldest comes first
        self._sending_lock = threading.Lock()
        self._streams = StreamHub(self.worker_connections // 2)
        self._handed_over: set[socket.socket] = set()  # the hub has a duplicate of each

    def load_wsgi(self) -> None:
        """Load the app, and limit the threads that work in it at a time to the setting."""
        super().load_wsgi()
        self.flask = self.wsgi
        self.wsgi = self._call_app

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return threads for work, and others for sending responses."""
        return ThreadPoolExecutor(self.cfg.threads + _SLOW_RESPONSES)

    # --- reading requests, in the one thread that waits for all connections -----------------------

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; when there are too many, close the one that has waited longest."""
        try:
            client, address = listener.accept()
        except OSError as problem:
            if problem.errno in (errno.EMFILE, errno.ENFILE):
                self._close_oldest()
            elif problem.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        self._wait_for(_Connection(self.cfg, client, address, listener.getsockname()), _HEAD_TIME)
        if self.nr_conns >= self.worker_connections:
            self._close_oldest()

    def finish_request(self, conn: _Connection, done: Future[bool]) -> None:
        """Wait for the connection's next request after a response, or close it."""
        if conn.sock in self._handed_over:
            self._handed_over.discard(conn.sock)
            self._close(conn)
            return
        is_kept = not done.cancelled() and done.exception() is None and done.result()
        if not is_kept or conn.parser.unreader.take_buffered():
            self._linger(conn)
            return
        self._wait_for(conn, self.cfg.keepalive)
        if conn.reader:  # the client has sent the next request already
            self._feed(conn, b"")

    def murder_pending(self) -> None:
        """Close connections past their deadline; gunicorn calls this often, it acts once a second."""
        now = time.monotonic()
        if self.alive and now - self._checked_at < 1:
            return
        self._checked_at = now
        for conn in [conn for conn in self._waiting if conn.deadline < now]:
            if conn.reader:
                self._refuse(conn, 408, "The request did not arrive in time.")
            else:
                self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten the deadlines when a stop begins; gunicorn then checks them once a second."""
        for conn in self._waiting:
            conn.deadline = min(conn.deadline, deadline - 1)

    def _wait_for(self, conn: _Connection, seconds: float) -> None:
        conn.deadline = time.monotonic() + seconds
        conn.sock.setblocking(False)
        self._waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))

    def _stop_waiting(self, conn: _Connection) -> None:
        if conn in self._waiting:
            del self._waiting[conn]
            self.poller.unregister(conn.sock)

    def _read(self, conn: _Connection, _: object) -> None:
        if conn not in self._waiting:  # closed by another event of the same poll
            return
        try:
            piece = conn.sock.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            piece = b""
        if piece and not conn.is_lingering:
            self._feed(conn, piece)
        elif conn.reader:
            self._refuse(conn, 400, "The request ended before it was whole.")
        elif not piece:
            self._close(conn)

    def _feed(self, conn: _Connection, piece: bytes) -> None:
        """Add bytes to the request; hand it to a thread when it is complete."""
        reader = conn.reader
        before, had_head = len(reader), reader.has_head
        try:
            is_complete = reader.feed(piece)
        except RefusedRequest as refusal:
            self._refuse(conn, refusal.status, refusal.message)
            return
        finally:
            self._held += len(reader) - before
        if is_complete:
            self._stop_waiting(conn)
            conn.request = reader.take()
            self._held -= len(conn.request)
            self.enqueue_req(conn)
        elif reader.has_head and not had_head:
            conn.deadline = time.monotonic() + _BODY_TIME
            if reader.expects_continue:
                send(conn.sock, b"HTTP/1.1 100 Continue\r\n\r\n")
        elif not before:
            conn.deadline = time.monotonic() + _HEAD_TIME
        while self._held > _MOST_HELD and self._waiting:
            self._close_oldest()

    def _refuse(self, conn: _Connection, status: int, message: str) -> None:
        send(conn.sock, refusal(status, message))
        self._linger(conn)

    def _linger(self, conn: _Connection) -> None:
        """End the sending side, and give the client time to read the response before the close."""
        self._stop_waiting(conn)
        self._held -= len(conn.reader)
        conn.reader, conn.is_lingering = RequestReader(), True
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._wait_for(conn, _LINGER_TIME)

    def _close_oldest(self) -> None:
        if self._waiting:
            self._close(next(iter(self._waiting)))

    def _close(self, conn: _Connection) -> None:
        self._stop_waiting(conn)
        self._held -= len(conn.reader)
        self.nr_conns -= 1
        conn.close()

    # --- responses, in the pool's threads ---------------------------------------------------------

    def handle(self, conn: _Connection) -> bool:
        """Handle a complete request; return whether the connection is kept."""
        conn.parser = get_parser(self.cfg, [conn.request], conn.client)
        conn.request = b""
        return bool(super().handle(conn))

    def handle_request(self, req: Any, conn: _Connection) -> bool:
        """Respond to a parsed request; return whether the connection is kept."""
        req._expected_100_continue = False  # 100 Continue was sent already
        try:
            return bool(super().handle_request(req, conn))
        finally:
            with self._sending_lock:
                self._sending.pop(conn.sock, None)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Respond to a request that can't be parsed."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status = next((s for kind, s in _PARSE_STATUSES.items() if isinstance(exc, kind)), 400)
        send(client, refusal(status, f"This is no request that can be read: {str(exc)[:300]}"))

    def _call_app(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        environ[ROOM] = self._streams.has_room()
        with self._working:
            body: Iterable[bytes] = self.flask(environ, start)
        client = environ["gunicorn.socket"]
        if STREAM in environ:
            self._hand_over(start.__self__, client, environ[STREAM])  # type: ignore[attr-defined]
            return ()
        with self._sending_lock:
            self._sending[client] = None
            if len(self._sending) > _SLOW_RESPONSES:
                oldest = next(iter(self._sending))
                del self._sending[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        if not isinstance(body, FileWrapper):
            return in_pieces(body, client)
        client.settimeout(PIECE_TIME)
        whole: Iterable[bytes] = body
        return whole

    def _hand_over(self, response: Any, client: socket.socket, pieces: Iterator[bytes]) -> None:
        """Send a response's head, and leave its body and the connection to the hub."""
        response.force_close()
        response.send_headers()
        self._handed_over.add(client)
        self._streams.add(client, pieces, chunked=response.chunked)
        response.chunked = False  # gunicorn must not end the body


_PARSE_STATUSES = {
    ExpectationFailed: 417,
    LimitRequestHeaders: 431,
    LimitRequestLine: 414,
    UnsupportedTransferCoding: 501,
}
