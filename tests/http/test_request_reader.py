"""Requests as their bytes arrive, however they are cut: where each ends, and what is refused."""

from __future__ import annotations

import pytest

from datanectar.http.request_reader import LARGEST_BODY, LARGEST_HEAD, RefusedRequest, RequestReader

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SIZED = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:\t5 \r\nX: y\r\n\r\nhello"
EMPTY = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
START = b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
CHUNKED = START + b"3\r\nabc\r\n00A;x=y\r\n0123456789\r\n0\r\n\r\n"
TRAILED = START + b"1\r\na\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"
TRICKY = START + b"9\r\n0\r\n\r\n0\r\n\r\r\n0\r\n\r\n"


def taken(stream: bytes, size: int) -> list[bytes]:
    """Feed a stream in pieces of ``size`` bytes; return the requests it held."""
    reader, found = RequestReader(), []
    for start in range(0, len(stream), size):
        is_complete = reader.feed(stream[start : start + size])
        while is_complete:
            found.append(reader.take())
            is_complete = reader.feed(b"")
    assert len(reader) == 0
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_requests_end_where_they_end_however_they_are_cut(size: int) -> None:
    """Fault 3.11."""
    requests = [GET, SIZED, EMPTY, CHUNKED, GET, TRAILED, TRICKY, SIZED]

    assert taken(b"".join(requests), size) == requests


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LARGEST_HEAD, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LARGEST_HEAD + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\n", 413),
        (START + b"100001\r\n", 413),
        (START + b"ffffffffffffffff\r\n", 413),
        (START + b"80000\r\n" + b"x" * 0x80000 + b"\r\n80001\r\n", 413),
        (START + b"0\r\n" + b"X: y\r\n" * 400_000, 413),
        (START + b"zz\r\n", 400),
        (START + b"\r\n", 400),
        (START + b"-1\r\n", 400),
        (START + b"3\r\nabcdefgh\r\n", 400),
        (START + b"1" * 9000, 400),
    ],
)
def test_what_can_never_be_read_is_refused_before_it_is_there(stream: bytes, status: int) -> None:
    """Faults 3.11 and 3.16."""
    reader = RequestReader()

    with pytest.raises(RefusedRequest) as refusal:
        for start in range(0, len(stream), 65536):
            reader.feed(stream[start : start + 65536])

    assert refusal.value.status == status


def test_a_body_of_the_largest_size_is_taken() -> None:
    body = b"x" * LARGEST_BODY
    sized = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % LARGEST_BODY + body
    chunked = START + b"%x\r\n" % LARGEST_BODY + body + b"\r\n0\r\n\r\n"

    assert taken(sized + chunked, 65536) == [sized, chunked]


def test_who_waits_for_a_word_before_the_body_is_known() -> None:
    reader = RequestReader()

    assert not reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n")

    assert reader.has_head
    assert reader.expects_continue
    assert reader.feed(b"x")
    reader.take()
    assert not reader.expects_continue
