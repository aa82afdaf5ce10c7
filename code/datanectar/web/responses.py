"""Sending responses on a connection: a body in pieces, and a refusal in the API's form."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterable, Iterator
from http import HTTPStatus

#: Bytes that are read or sent at a time, and seconds in which a client must take so many.
PIECE = 64 * 1024
PIECE_TIME = 60.0


def in_pieces(body: Iterable[bytes], client: socket.socket) -> Iterator[bytes]:
    """Yield the body in pieces; the client has a limited time to take each."""
    try:
        for chunk in body:
            for start in range(0, len(chunk), PIECE):
                client.settimeout(PIECE_TIME)
                yield chunk[start : start + PIECE]
    finally:
        if hasattr(body, "close"):
            body.close()


def refusal(status: int, message: str) -> bytes:
    """Return the whole response to a request that is not handled."""
    body = json.dumps({"data": None, "message": message, "status": status})
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy: same-origin",
        "X-Content-Type-Options: nosniff",
    )
    return "\r\n".join((*head, "", body)).encode()


def send(client: socket.socket, data: bytes) -> None:
    """Send bytes; that the client may have gone is no error."""
    with contextlib.suppress(OSError):
        client.sendall(data)
