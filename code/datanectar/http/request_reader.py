"""Collects the bytes of an HTTP request until it is complete; refuses one that is too large.

It reads no more of a request than that takes: lengths and chunk sizes. gunicorn's parser reads the
complete request and checks the rest.
"""

from __future__ import annotations

import re

#: The most that a request's head may hold, and its body, in bytes.
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 1024 * 1024

#: The longest line with a chunk's size, in bytes.
_LONGEST_LINE = 8 * 1024
#: The most that the chunks of a body and the lines between them may take, in bytes.
_LARGEST_CHUNKED = 2 * LARGEST_BODY

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-f]{1,16})[ \t]*(?:;|\Z)", re.IGNORECASE)


class RefusedRequest(Exception):
    """Raised for bytes that can't become a request; the response has ``status`` and ``message``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestReader:
    """The bytes of one request, and those that came after it."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._searched = 0  # the head does not end before this offset
        self._head = 0  # the head's length, once it is complete
        self._end: int | None = None  # the request's length, once it is known
        self._chunk = 0  # the offset of the next chunk's size
        self._payload = 0  # the sum of the known chunk sizes
        self.expects_continue = False

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def has_head(self) -> bool:
        """Whether the head is complete."""
        return self._head > 0

    def feed(self, piece: bytes) -> bool:
        """Add bytes; return whether the request is complete.

        Raises:
            RefusedRequest: when it is too large, or a chunk's size can't be read.
        """
        self._bytes += piece
        if not self._head:
            self._find_head()
        if self._head and self._end is None:
            self._follow_chunks()
        return self._end is not None and len(self._bytes) >= self._end

    def take(self) -> bytes:
        """Return the complete request and remove it; the bytes after it begin the next one."""
        request = bytes(self._bytes[: self._end])
        del self._bytes[: self._end]
        self._begin()
        return request

    def _find_head(self) -> None:
        found = self._bytes.find(b"\r\n\r\n", max(0, self._searched - 3))
        self._searched = len(self._bytes) if found < 0 else found
        if self._searched > LARGEST_HEAD:
            raise RefusedRequest(431, f"The head is larger than {LARGEST_HEAD} bytes.")
        if found < 0:
            return
        self._head = found + 4
        head = self._bytes[: self._head]
        self.expects_continue = _EXPECT.search(head) is not None
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
                    raise _bad_chunk_size()
                return
            size = _CHUNK_SIZE.match(self._bytes[self._chunk : line_end])
            if size is None:
                raise _bad_chunk_size()
            if int(size[1], 16) == 0:
                self._find_end(line_end)
                return
            self._payload += int(size[1], 16)
            if self._payload > LARGEST_BODY:
                raise _too_large()
            self._chunk = line_end + 2 + int(size[1], 16) + 2

    def _find_end(self, start: int) -> None:
        found = self._bytes.find(b"\r\n\r\n", start)
        if found >= 0:
            self._end = found + 4
        elif len(self._bytes) - start > LARGEST_HEAD:
            raise _too_large()


def _too_large() -> RefusedRequest:
    return RefusedRequest(413, f"The body is larger than {LARGEST_BODY} bytes.")


def _bad_chunk_size() -> RefusedRequest:
    return RefusedRequest(
        400, "The body can't be read: where a chunk's size should be, there is none."
    )
