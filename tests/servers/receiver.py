"""A receiver of webhooks on a free port of this process: it takes what it is sent, or misbehaves by path."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Where the receiver is, and what it has received.

    ``/<status>`` is answered with that status; ``/redirect?<url>`` with a redirect there; ``/hang`` is
    never answered; ``/trickle`` a byte now and then; ``/huge`` without end.
    """

    url: str = ""
    received: list[Received] = field(default_factory=list)
    #: Set when a request has come.
    came: threading.Event = field(default_factory=threading.Event)
    #: Set when the receiver is being closed: those that hang end.
    over: threading.Event = field(default_factory=threading.Event)
    #: How many bytes of a huge answer were taken.
    sent: int = 0

    def at(self, path: str) -> list[Received]:
        """Return what has come for a path."""
        return [one for one in self.received if one.path == path]


class _Handler(http.server.BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.received.append(Received(self.path, headers, body))
        self.receiver.came.set()
        what, _, target = self.path[1:].partition("?")
        if what.isdecimal():
            self._answer(int(what), f"answer {what}")
        elif what == "redirect":
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        else:
            self._misbehave(what)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def _misbehave(self, how: str) -> None:
        piece = b"x" if how == "trickle" else b"x" * 65536
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: " if how == "trickle" else b"")
        if how == "huge":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.receiver.over.wait(0.05 if how == "trickle" else 0):
            if how == "hang":
                self.receiver.over.wait()
                return
            try:
                self.wfile.write(piece)
                self.receiver.sent += len(piece)
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver for the length of a ``with`` block."""
    receiver = Receiver()
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
