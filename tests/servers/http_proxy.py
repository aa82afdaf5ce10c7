"""An HTTP proxy before a server, S3 or luigid, that fails on demand."""

from __future__ import annotations

import http.client
import http.server
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>"


@dataclass
class Fault:
    """What to do instead of passing a request on, how often, and to which requests.

    ``status`` 0 resets the connection; ``seconds`` delays a response that is passed on.
    """

    status: int = 0
    code: str = "InternalError"
    times: float = float("inf")
    method: str = "PUT"
    name: str = "out.txt"
    seconds: float = 0.0


@dataclass
class Proxy:
    """A proxy on a free port of this process."""

    target: str
    fault: Fault | None = None
    hits: int = 0
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def take(self, method: str, path: str) -> Fault | None:
        """Return what is to go wrong with this request."""
        with self.lock:
            fault = self.fault
            if fault is None or fault.method != method or not path.endswith(fault.name):
                return None
            if self.hits >= fault.times:
                return None
            self.hits += 1
            return fault

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Have requests fail so within the block."""
        self.hits, self.fault = 0, fault
        try:
            yield
        finally:
            self.fault = None


@contextmanager
def proxy_before(target: str) -> Iterator[Proxy]:
    """Run a proxy before the server at ``target``."""
    proxy = Proxy(target)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.asked.append(urlsplit(self.path).path)
            fault = proxy.take(self.command, urlsplit(self.path).path)
            if fault is None or fault.seconds:
                time.sleep(fault.seconds if fault else 0)
                self._pass_on(body)
            elif fault.status:
                text = _ERROR.format(code=fault.code, words=f"{fault.code} for a test").encode()
                self._respond(fault.status, {"Content-Type": "application/xml"}, text)
            else:
                linger = struct.pack("ii", 1, 0)  # closing sends a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

        def _pass_on(self, body: bytes) -> None:
            upstream = http.client.HTTPConnection(urlsplit(proxy.target).netloc, timeout=30)
            # The host as the client has signed it.
            upstream.request(self.command, self.path, body, dict(self.headers))
            response = upstream.getresponse()
            self._respond(response.status, dict(response.getheaders()), response.read())
            upstream.close()

        def _respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            left_out = {"transfer-encoding", "connection"}
            if self.command != "HEAD" and status != 204:
                left_out.add("content-length")
                self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                if name.lower() not in left_out:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Write no log."""

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                self.close_connection = True

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
