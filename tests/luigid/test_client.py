"""The client of luigid, and luigid's address."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from datanectar.errors import SchedulerError
from datanectar.luigid.address import full_url, host_and_port
from datanectar.luigid.client import Luigid, NotLuigid


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"response": []}',
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/7.0 200 OK\r\n\r\n",
    ],
)
def test_who_is_not_luigid_counts_as_luigid_away(answer: bytes) -> None:
    """fault 3.9: a run whose books can't be closed there has ended all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_all, args=(server, answer), daemon=True).start()
        luigid = Luigid(f"http://127.0.0.1:{server.getsockname()[1]}")

        with pytest.raises(NotLuigid):
            luigid.end_worker("w", "a test")
        with pytest.raises(SchedulerError, match="is not luigid"):
            luigid.check()


def answer_all(server: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)


def test_luigids_port_is_8082_wherever_it_is_left_out() -> None:
    """fault 3.22"""
    assert host_and_port("http://localhost") == ("localhost", 8082)
    assert full_url("http://localhost/") == "http://localhost:8082"
    assert full_url("http://[::1]/luigi/") == "http://[::1]:8082/luigi"
    assert (
        Luigid("http://localhost")
        .graph_url("f", "x_chain", "T_1")
        .startswith(
            "http://localhost:8082/static/visualiser/index.html#tab=graph&taskId=f.x_chain.T_1"
        )
    )
