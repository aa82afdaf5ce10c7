"""The connection to luigid: kept, opened anew when it broke, and never fooled by another server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from datanectar.errors import SchedulerError
from datanectar.messages import SchedulerReport
from datanectar.rpc.wire.connection import LuigidConnection
from tests.servers.processes import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.contextmanager
def server(*connections: list[bytes], port: int = 0) -> Iterator[str]:
    """Serve connections one after another: a response for each request, then the end."""
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            for responses in connections:
                with listener.accept()[0] as connection:
                    stream = connection.makefile("rb")
                    for response in responses:
                        head = dict(
                            line.split(b": ", 1)
                            for line in iter(stream.readline, b"\r\n")
                            if b": " in line
                        )
                        stream.read(int(head[b"Content-Length"]))
                        connection.sendall(response)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def fetch(connection: LuigidConnection, url: str) -> str:
    return connection.fetch(f"{url}/api/ping", {"data": "{}"}, 10)


def test_one_connection_serves_many_requests() -> None:
    with server([OK, OK, OK]) as url:
        connection = LuigidConnection(url, lambda _: None)

        assert [fetch(connection, url) for _ in range(3)] == ["{}"] * 3
        connection.close()


@pytest.mark.slow
def test_a_request_is_sent_again_when_the_kept_connection_was_closed() -> None:
    reports: list[Any] = []
    with server([OK], [OK]) as url:
        connection = LuigidConnection(url, reports.append)

        assert [fetch(connection, url) for _ in range(2)] == ["{}"] * 2

    assert reports == []  # no outage


def test_requests_are_sent_without_waiting_and_flush_waits_for_all() -> None:
    with server([OK, OK, OK]) as url:
        connection = LuigidConnection(url, lambda _: None)
        for _ in range(3):
            connection.send(f"{url}/api/add_task", {"data": "{}"}, 10)

        connection.flush(10)
        connection.close()


@pytest.mark.slow
def test_what_was_sent_and_has_no_response_is_sent_again() -> None:
    with server([OK], [OK, OK]) as url:
        connection = LuigidConnection(url, lambda _: None)
        fetch(connection, url)
        connection.send(f"{url}/api/add_task", {"data": "{}"}, 10)

        assert fetch(connection, url) == "{}"


def test_a_refusal_of_what_was_sent_is_raised_by_the_next_fetch() -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\n\r\nno good"
    with server([refusal]) as url:
        connection = LuigidConnection(url, lambda _: None)
        connection.send(f"{url}/api/add_task", {"data": "{}"}, 10)

        with pytest.raises(SchedulerError, match=r"refuses /api/add_task \(400 .*no good"):
            fetch(connection, url)


def test_an_outage_is_reported_once_and_so_is_its_end() -> None:
    reports: list[Any] = []
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    connection = LuigidConnection(url, reports.append)

    for _ in range(2):
        with pytest.raises(OSError):
            fetch(connection, url)
    with server([OK], port=port):
        assert fetch(connection, url) == "{}"

    assert reports == [SchedulerReport(False), SchedulerReport(True)]


def test_half_a_response_is_an_outage() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"
    with server([half]) as url, pytest.raises(LuigidConnection.raises):
        fetch(LuigidConnection(url, lambda _: None), url)


def test_what_does_not_speak_http_is_no_luigid() -> None:
    with server([b"SSH-2.0-OpenSSH_9.9\r\n"]) as url:
        with pytest.raises(SchedulerError, match="it does not speak HTTP"):
            fetch(LuigidConnection(url, lambda _: None), url)
