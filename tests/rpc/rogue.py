"""A luigid in this process, whose responses a test can change."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from luigi.scheduler import Scheduler

#: Takes a method, its arguments and the right answer; returns the answer, or a status and a body.
Twist = Callable[[str, dict[str, Any], Any], Any]


@dataclass
class Rogue:
    """Luigi's scheduler behind HTTP, and what it was asked."""

    twist: Twist
    scheduler: Any = field(default_factory=Scheduler)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def answer(self, method: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        """Answer a call."""
        with self.lock:
            self.asked.append((method, arguments))
            right = getattr(self.scheduler, method)(**arguments)
            said = self.twist(method, arguments, right)
        if isinstance(said, tuple):
            return said
        return 200, json.dumps({"response": said}).encode()


@contextmanager
def rogue(twist: Twist) -> Iterator[Rogue]:
    """Run one on a free port of this process."""
    luigid = Rogue(twist)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            arguments = json.loads(parse_qs(body)["data"][0])
            status, said = luigid.answer(self.path.rpartition("/")[2], arguments)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    luigid.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield luigid
    finally:
        server.shutdown()
        server.server_close()
