"""An HTTP request as its bytes arrive: when it is whole, and what is refused before it is.

Only as much of it is understood as that takes. gunicorn's parser, which reads it once it is whole,
judges the rest.
"""

from __future__ import annotations

import re

#: The most that a request's head may hold, and its body, in bytes.
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 1024 * 1024

#: The longest line that may say how large a chunk is, in bytes.
_LONGEST_LINE = 8 * 1024
#: What the chunks of a body may take altogether, with the lines between them, in bytes.
_LARGEST_CHUNKED = 2 * LARGEST_BODY

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_GO_AHEAD = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-f]{1,16})[ \t]*(?:;|\Z)", re.IGNORECASE)


class RefusedEarly(Exception):
    """What arrives can't become a request. ``status`` and ``words`` are the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Arrival:
    """The bytes of one request, and those that came after it."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._searched = 0  # how far there is no end of the head
        self._head = 0  # the head's length, once it is there
        self._end: int | None = None  # where the request ends, once that is known
        self._chunk = 0  # where the line of the next chunk's size begins
        self._payload = 0  # what the chunks hold, as far as they are known
        self.awaits_go_ahead = False

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def has_head(self) -> bool:
        """Tell whether the head is there."""
        return self._head > 0

    def feed(self, piece: bytes) -> bool:
        """Take bytes in; return whether the request is whole.

        Raises:
            RefusedEarly: when it is too large, or its chunks make no sense.
        """
        self._bytes += piece
        if not self._head:
            self._look_for_head()
        if self._head and self._end is None:
            self._follow_chunks()
        return self._end is not None and len(self._bytes) >= self._end

    def take(self) -> bytes:
        """Return the whole request; what came after it begins the next one."""
        whole = bytes(self._bytes[: self._end])
        del self._bytes[: self._end]
        self._begin()
        return whole

    def _look_for_head(self) -> None:
        found = self._bytes.find(b"\r\n\r\n", max(0, self._searched - 3))
        self._searched = len(self._bytes) if found < 0 else found
        if self._searched > LARGEST_HEAD:
            raise RefusedEarly(431, f"The head is larger than {LARGEST_HEAD} bytes.")
        if found < 0:
            return
        self._head = found + 4
        head = self._bytes[: self._head]
        self.awaits_go_ahead = _GO_AHEAD.search(head) is not None
        if _CHUNKED.search(head):
            self._chunk = self._head
            return
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if size > LARGEST_BODY:
            raise _too_large()
        self._end = self._head + size

    def _follow_chunks(self) -> None:
        while self._end is None:
            if self._chunk - self._head > _LARGEST_CHUNKED:
                raise _too_large()
            line_end = self._bytes.find(b"\r\n", self._chunk, self._chunk + _LONGEST_LINE)
            if line_end < 0:
                if len(self._bytes) - self._chunk >= _LONGEST_LINE:
                    raise _no_chunk()
                return
            size = _CHUNK_SIZE.match(self._bytes[self._chunk : line_end])
            if size is None:
                raise _no_chunk()
            if int(size[1], 16) == 0:
                self._look_for_trailers(line_end)
                return
            self._payload += int(size[1], 16)
            if self._payload > LARGEST_BODY:
                raise _too_large()
            self._chunk = line_end + 2 + int(size[1], 16) + 2

    def _look_for_trailers(self, start: int) -> None:
        found = self._bytes.find(b"\r\n\r\n", start)
        if found >= 0:
            self._end = found + 4
        elif len(self._bytes) - start > LARGEST_HEAD:
            raise _too_large()


def _too_large() -> RefusedEarly:
    return RefusedEarly(413, f"The body is larger than {LARGEST_BODY} bytes.")


def _no_chunk() -> RefusedEarly:
    return RefusedEarly(
        400, "The body can't be read: where a chunk's size should be, there is none."
    )
