"""What a fork server and its parents say to each other, over a stream socket, in messages of one size.

From a parent: ``FORK`` a child (number: what it is to be ready for; with the child's two pipe ends),
answered by ``STARTED`` (number: the pid). ``KILL`` the child with this pid. ``LIMIT``: kill all of
mine at this moment (value: by the monotonic clock) unless another ``LIMIT`` comes before; a parent
that hangs can't kill its children when its lease ends, and another host begins their runs again.
``OFFER``: this child of mine may be another parent's (number: the pid, value: when it was started,
name: for whom; with the parent's two pipe ends). ``TAKE`` what was offered under this name, answered
by ``TAKEN``, which is an ``OFFER`` passed on; the pid is 0 when there is none.

From the fork server besides: ``READY`` first of all (number: its guard's pid), and ``EXITED`` (number: the
pid, value: the wait status).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

FORK, KILL, LIMIT, OFFER, TAKE = b"F", b"K", b"L", b"O", b"T"
READY, STARTED, EXITED, TAKEN = b"R", b"S", b"X", b"N"

#: What a child may be made ready for (:mod:`datanectar.forkserver.prefault`); any child can do any job.
NOTHING, RESOLVE, RUN = 0, 1, 2
#: For a run after a resolve, by one that was ready for that.
RUN_TOO = 3

_LAYOUT = struct.Struct("!cid32s")
_DESCRIPTORS = 2
_CLOSED_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)  # not on macOS


class Message(NamedTuple):
    """One message; what its fields mean depends on its kind."""

    kind: bytes
    number: int = 0
    value: float = 0.0
    name: bytes = b""


def send(sock: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send a message, with descriptors for the other process.

    Raises:
        OSError: when nobody is there to receive it.
    """
    data = _LAYOUT.pack(*message)
    if descriptors:
        socket.send_fds(sock, [data], descriptors)
    else:
        sock.sendall(data)


def receive(sock: socket.socket) -> tuple[Message, list[int]]:
    """Return the next message, and the descriptors that came with it.

    Raises:
        EOFError: when the other side has ended.
        OSError: when the connection breaks.
    """
    data, descriptors = b"", []
    while len(data) < _LAYOUT.size:
        missing = _LAYOUT.size - len(data)
        piece, more, _, _ = socket.recv_fds(sock, missing, _DESCRIPTORS, _CLOSED_ON_EXEC)
        if not piece:
            raise EOFError
        data += piece
        descriptors += more
    kind, number, value, name = _LAYOUT.unpack(data)
    return Message(kind, number, value, name.rstrip(b"\0")), descriptors
