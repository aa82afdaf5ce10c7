"""Streams share few threads, and each client gets all of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

from datanectar.web.stream_hub import StreamHub
from tests.servers.processes import wait_for


def read_all(client: socket.socket) -> bytes:
    client.settimeout(20)
    with client:
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_more_streams_than_threads_wait_at_the_same_time_and_all_end() -> None:
    hub = StreamHub(most=50)
    go = threading.Event()

    def pieces(number: int) -> Iterator[bytes]:
        yield b"begin "
        while not go.is_set():
            yield b""
        yield b"end %d" % number

    ends = [socket.socketpair() for _ in range(50)]
    for number, (ours, _) in enumerate(ends):
        hub.add(ours, pieces(number), chunked=False)
        ours.close()
    assert not hub.has_room()
    assert [client.recv(6) for _, client in ends] == [b"begin "] * 50
    go.set()
    assert [read_all(client) for _, client in ends] == [b"end %d" % n for n in range(50)]
    wait_for(hub.has_room, "there is room again")


def test_pieces_are_chunks_and_a_large_one_is_sent_whole() -> None:
    hub = StreamHub(most=2)
    ours, client = socket.socketpair()
    large = b"x" * 3_000_000
    hub.add(ours, iter([b"abc", b"", large]), chunked=True)
    ours.close()
    assert read_all(client) == b"3\r\nabc\r\n2dc6c0\r\n" + large + b"\r\n0\r\n\r\n"


def test_a_stream_whose_client_goes_or_whose_maker_fails_makes_room() -> None:
    hub = StreamHub(most=1)

    def failing() -> Iterator[bytes]:
        yield b"begin"
        raise RuntimeError("no more")

    def endless() -> Iterator[bytes]:
        while True:
            yield b""

    for pieces in (failing(), endless()):
        ours, client = socket.socketpair()
        hub.add(ours, pieces, chunked=False)
        ours.close()
        assert not hub.has_room() or pieces.gi_frame is None
        client.close()
        wait_for(hub.has_room, "there is room again")
