"""The server itself: slow clients, clients that leave, connections that are kept."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.servers.stack import Stack

GREET = "/api/chains/basic/plain_chain/GreetTask"
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
LARGE = "chains/basic/plain_chain/GreetTask/" + "1" * 32

#: How requests begin that are never finished.
BEGINNINGS = {
    "nothing": b"",
    "line": b"GET /heal",
    "head": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Slow: ",
    "body": f"POST {GREET} HTTP/1.1\r\n".encode() + HOST + JSON + b"Content-Length: 9999\r\n\r\n{",
    "chunk": f"POST {GREET} HTTP/1.1\r\n".encode()
    + HOST
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "large": f"POST {GREET} HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 9999999\r\n\r\n",
}


def connect(web: Stack, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=30)
    connection.sendall(sent)
    return connection


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


def healthy(web: Stack) -> None:
    """Ask for the app's health on new connections: it comes at once, or soon on a busy machine."""
    times = []
    for _ in range(5):
        start = time.monotonic()
        assert web.get("/healthz").status_code == 200
        times.append(time.monotonic() - start)
    assert min(times) < 2
    assert max(times) < 10


@contextlib.contextmanager
def dripping(web: Stack, count: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    """Hold connections open that send a byte each of what they never finish, again and again."""
    connections = [connect(web, beginning) for _ in range(count)]
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.1):
            for connection in connections if beginning else []:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield connections
    finally:
        stop.set()
        thread.join()
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("kind", BEGINNINGS)
@pytest.mark.parametrize("count", [16, 64, 200])
def test_slow_clients_keep_nobody_waiting(web: Stack, kind: str, count: int) -> None:
    """Fault 3.11: sixteen slow connections stopped the app."""
    with dripping(web, count, BEGINNINGS[kind]):
        healthy(web)


def test_more_slow_clients_than_there_are_connections_keep_nobody_waiting(web: Stack) -> None:
    """Fault 3.11: who has waited longest gives way."""
    with dripping(web, 1100, BEGINNINGS["head"][:-8]) as connections:
        healthy(web)
        connections[0].settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert connections[0].recv(100) == b""


@pytest.mark.slow
def test_a_head_that_does_not_come_is_given_up_in_the_envelope(web: Stack) -> None:
    """Fault 3.11: a byte now and then is no progress."""
    start = time.monotonic()
    with dripping(web, 1, BEGINNINGS["head"]) as (connection,):
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["status"] == 408
    assert 9 < time.monotonic() - start < 20


@pytest.fixture
def large(web: Stack) -> Iterator[str]:
    """The path of a result of 64 MiB."""
    file = web.file(LARGE)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024)
    yield f"/api/targets/{LARGE}/out.txt"
    file.unlink()


@pytest.mark.parametrize("path", ["file", "log"])
def test_clients_that_take_nothing_of_their_answer_keep_nobody_waiting(
    web: Stack, large: str, path: str
) -> None:
    """Fault 3.11: an answer that is not read holds no thread that others need."""
    asked = large if path == "file" else f"/api/chainlog?chain={LARGE}/out.txt"
    if path == "log":
        web.file(LARGE, "log").write_bytes(b"line\n" * 10_000_000)
    request = f"GET {asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    connections = []
    for _ in range(100):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", web.port))
        connection.sendall(request)
        connections.append(connection)
    try:
        healthy(web)
        connections[-1].settimeout(10)
        assert connections[-1].recv(12) == b"HTTP/1.1 200"
    finally:
        for connection in connections:
            connection.close()
        web.file(LARGE, "log").unlink(missing_ok=True)


def test_several_requests_at_once_are_answered_in_their_order(web: Stack) -> None:
    """Fault 3.11: what a client sends without waiting is kept, and answered next."""
    body = b'{"nmae": "x"}'
    post = f"POST {GREET} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode()
    get = b"GET /api/nothing/%d HTTP/1.1\r\n" + HOST
    last = get % 2 + b"Connection: close\r\n\r\n"

    answer = read_all(
        connect(web, get % 1 + b"\r\n" + post + HOST + JSON + b"\r\n" + body + last)
    ).decode()

    assert [line[9:12] for line in answer.splitlines() if line.startswith("HTTP/1.1")] == [
        "404",
        "400",
        "404",
    ]
    places = [answer.index(word) for word in ("/api/nothing/1", "nmae", "/api/nothing/2")]
    assert places == sorted(places)


def test_a_connection_is_kept_for_the_next_request(web: Stack) -> None:
    with connect(web) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = b""
            while not answer.endswith(b"}\n"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"Connection: keep-alive" in answer


def test_a_client_that_asks_first_is_told_to_go_ahead_once(web: Stack) -> None:
    head = f"POST {GREET} HTTP/1.1\r\n".encode() + HOST + JSON + b"Connection: close\r\n"
    with connect(web, head + b"Content-Length: 13\r\nExpect: 100-continue\r\n\r\n") as connection:
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"nmae": "x"}')
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_asks_first_for_too_much_is_told_so_at_once(web: Stack) -> None:
    head = f"POST {GREET} HTTP/1.1\r\n".encode() + HOST + JSON
    large = b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"

    assert read_all(connect(web, head + large)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.slow
def test_a_stop_does_not_wait_for_slow_clients(web: Stack) -> None:
    """Fault 3.11: those that are connected and say nothing, or never end, are cut off."""
    stack = Stack(web.project.parent / "stopped")
    try:
        stack.settings.state.mkdir(parents=True)
        stack.start_web()
        with dripping(stack, 5, BEGINNINGS["head"]), connect(stack):
            start = time.monotonic()
            stack.stop("web")
            assert time.monotonic() - start < 8
    finally:
        stack.close()


# --- bodies that break off --------------------------------------------------------------------

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        CHUNKED + b"zz\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"2\r\n{}ab\r\n0\r\n\r\n",
        CHUNKED + b"2;=\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n",
        CHUNKED + b"2\r\n{}\r\n0\r\n",
        CHUNKED + b"2\r\n{}",
        JSON + b"Content-Length: 99\r\n\r\n{}",
        JSON + b"Content-Length: 99\r\n\r\n",
        FORM + b"Content-Length: 99\r\n\r\nname=a",
        FORM + b"Transfer-Encoding: chunked\r\n\r\n6;=\r\nname=a\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_cannot_be_read_to_its_end_is_400(web: Stack, rest: bytes) -> None:
    """Fault 3.16: a malformed chunked body, or a client cut off in its body, was a 500."""
    before = len(web.output("web"))
    connection = connect(web, f"POST {GREET} HTTP/1.1\r\n".encode() + HOST + rest)
    connection.shutdown(socket.SHUT_WR)

    assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in web.output("web")[before:]


def test_no_line_of_the_log_is_a_clients(web: Stack) -> None:
    """Fault 3.16: what a client sends stands in the log quoted, if at all."""
    forged = b"/x%1b[31m%0A2026-11-27%20INFO%20forged%0D%E2%80%A8"
    for method in (b"GET", b"POST", b"DELETE"):
        for start in (b"", b"/api/chains/evil", b"/runs", b"/static", b"/api/targets"):
            request = method + b" " + start + forged + b" HTTP/1.1\r\nConnection: close\r\n" + HOST
            read_all(connect(web, request + CHUNKED + b"zz\r\n"))
            read_all(connect(web, request + b"X\x1b[31m: \x1b[31m\r\n\r\n"))

    output = web.output("web")
    assert "\x1b" not in output
    assert not [line for line in output.splitlines() if line.startswith("2026-11-27 INFO forged")]
