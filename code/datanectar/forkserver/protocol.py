"""The messages between a fork server and its parents: fixed size, over a Unix stream socket.

From a parent:

- ``FORK``: fork a child. ``name`` is its role; the child's two pipe ends come along. The reply is
  ``FORKED`` (``number``: the pid, 0 when the system refused).
- ``KILL``: kill the process group of the child ``number``.
- ``KILL_AT``: kill all children of this parent at ``value``, by ``time.monotonic``, unless another
  ``KILL_AT`` arrives before. A parent that hangs can't kill its children when it has to.
- ``HAND_OVER``: another parent may have the child ``number``, which was started at ``value``, if it
  asks for ``name``. The parent's two pipe ends come along. There is no reply.
- ``PICK_UP``: ask for the child that was handed over under ``name``. The reply is ``PICKED_UP``: the
  fields of the ``HAND_OVER`` and the pipe ends; ``number`` is 0 when there is no such child.

From the fork server, besides the replies:

- ``READY``: the first message (``number``: the pid of its watchdog).
- ``EXITED``: the child ``number`` has ended (``value``: its wait status).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

FORK, KILL, KILL_AT, HAND_OVER, PICK_UP = b"F", b"K", b"L", b"H", b"P"
READY, FORKED, EXITED, PICKED_UP = b"R", b"S", b"X", b"N"

_LAYOUT = struct.Struct("!cid32s")
_MOST_DESCRIPTORS = 2
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)  # macOS has none


class Message(NamedTuple):
    """One message; what its fields mean depends on its kind. ``name`` has at most 32 bytes."""

    kind: bytes
    number: int = 0
    value: float = 0.0
    name: bytes = b""


def send(sock: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send a message, with descriptors for the other process.

    Raises:
        OSError: when the other end is closed.
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
        piece, more, _, _ = socket.recv_fds(sock, missing, _MOST_DESCRIPTORS, _CLOSE_ON_EXEC)
        if not piece:
            raise EOFError
        data += piece
        descriptors += more
    kind, number, value, name = _LAYOUT.unpack(data)
    return Message(kind, number, value, name.rstrip(b"\0")), descriptors
