"""Requests that are repeated, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from datanectar import Client
from datanectar.errors import TooManyRuns, Unavailable
from tests.servers.processes import free_port


class _Busy(BaseHTTPRequestHandler):
    """Answers as ``answers`` says, one after the other: a status and a ``Retry-After``."""

    answers: ClassVar[list[tuple[int, str]]] = []
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.path)
        status, retry_after = self.answers.pop(0)
        body = b'{"data": {"key": "k"}, "message": "it is full", "status": 0}'
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


@pytest.fixture
def busy() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _Busy.answers.clear()
    _Busy.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_full_queue_is_asked_again_after_the_time_it_names(busy: str) -> None:
    _Busy.answers.extend([(429, "1"), (503, ""), (200, "")])
    began = time.monotonic()

    assert Client(busy).post("a/b_chain/CTask") == {"key": "k"}

    assert time.monotonic() - began > 1.9  # 1 as asked, then the second pause of our own
    assert _Busy.asked == ["/api/chains/a/b_chain/CTask"] * 3


def test_repetitions_are_bounded(busy: str) -> None:
    _Busy.answers.extend([(429, "0")] * 9)

    with pytest.raises(TooManyRuns, match="it is full") as refusal:
        Client(busy, retries=2).post("a/b_chain/CTask")

    assert refusal.value.status == 429
    assert len(_Busy.asked) == 3


@pytest.mark.parametrize("answer", [(429, "3600"), (500, "1"), (404, "")])
def test_what_will_not_help_is_not_repeated(busy: str, answer: tuple[int, str]) -> None:
    _Busy.answers.append(answer)

    with pytest.raises(Exception, match="it is full"):
        Client(busy).post("a/b_chain/CTask")

    assert len(_Busy.asked) == 1


def test_an_app_that_starts_meanwhile_is_reached() -> None:
    port = free_port()
    _Busy.answers[:] = [(200, "")]

    def start() -> None:
        time.sleep(0.7)
        with HTTPServer(("127.0.0.1", port), _Busy) as server:
            server.handle_request()

    thread = threading.Thread(target=start)
    thread.start()
    assert Client(f"http://127.0.0.1:{port}").post("a/b_chain/CTask") == {"key": "k"}
    thread.join()


def test_an_app_that_does_not_come_is_named() -> None:
    with pytest.raises(Unavailable, match="No datanectar app answers at"):
        Client(f"http://127.0.0.1:{free_port()}", retries=1).chains()
