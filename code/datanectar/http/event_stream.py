"""Responses of server-sent events that occupy no working thread while they wait.

A stream is an iterator of bytes. An empty piece means: nothing new, ask again in a moment. Our web
server (``web/stream_hub.py``) takes the stream out of the request's environment and sends it from
few threads of its own; under any other WSGI server the response waits between the pieces.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, request

from datanectar.errors import Unavailable
from datanectar.http.identity import current

#: Names in the WSGI environment: whether the server has room for a stream, and the stream.
ROOM, STREAM = "datanectar.stream_room", "datanectar.stream"
#: Seconds between two pieces when there was nothing new.
PAUSE = 0.2
#: Seconds between two looks whether the reader may still read.
_RECHECK = 2.0
#: Seconds of silence after which a comment is sent, so that proxies keep the connection.
KEEP_ALIVE = 15.0
#: That comment.
STILL_HERE = b": still here\n\n"

_HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


def refuse_if_full() -> None:
    """Refuse the request when the server sends as many streams as it can.

    Raises:
        Unavailable: with the time after which to try again.
    """
    if not request.environ.get(ROOM, True):
        raise Unavailable(
            "Too many pages and logs are being followed; try again, or read without following.",
            headers={"Retry-After": "5"},
        )


def event_stream(pieces: Iterator[bytes]) -> Response:
    """Return the response that sends ``pieces``.

    Raises:
        Unavailable: see :func:`refuse_if_full`.
    """
    refuse_if_full()
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream", headers=_HEADERS)
    pieces = _while_allowed(pieces, current.still_allowed())
    request.environ[STREAM] = pieces
    return Response(_waiting(pieces), mimetype="text/event-stream", headers=_HEADERS)


def _while_allowed(pieces: Iterator[bytes], is_allowed: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the pieces until whoever asked for them has been logged out, has expired or been revoked."""
    due = time.monotonic() + _RECHECK
    for piece in pieces:
        if time.monotonic() >= due:
            if not is_allowed():
                return
            due = time.monotonic() + _RECHECK
        yield piece


def event(name: str, data: Any) -> bytes:
    """Return an event whose data is JSON: JSON escapes line ends, which would end the event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def merged(*streams: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of several streams in turn; an empty one when none has anything new."""
    going = list(streams)
    while going:
        pieces = [(stream, next(stream, None)) for stream in going]
        going = [stream for stream, piece in pieces if piece is not None]
        yield b"".join(piece for _, piece in pieces if piece)


def _waiting(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if piece:
            yield piece
        else:
            time.sleep(PAUSE)
