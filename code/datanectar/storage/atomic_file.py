"""File objects whose content is published when they are closed: all stores write through these."""

from __future__ import annotations

import abc
import contextlib
import io
import logging
import os
from types import TracebackType
from typing import IO, Any

from datanectar.errors import StorageError

_log = logging.getLogger(__name__)

#: Bytes that are buffered before they go to the store: tasks mostly write little at a time.
_BUFFER_SIZE = 128 * 1024


class AtomicFile(io.RawIOBase, metaclass=abc.ABCMeta):
    """A file that is being written. A store implements the three abstract methods.

    A subclass calls ``__init__`` when there is something to publish or to remove, not earlier.
    """

    #: The process that writes the file; 0 when ``__init__`` was not reached: Python closes such an
    #: object all the same.
    _pid = 0

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._discarded = False
        self._written = 0

    @abc.abstractmethod
    def _append(self, data: memoryview) -> int:
        """Write some bytes from the front of ``data``; return how many."""

    @abc.abstractmethod
    def _publish(self) -> None:
        """Make what was written the file's content, at once."""

    @abc.abstractmethod
    def _remove(self) -> None:
        """Remove everything that was written."""

    def writable(self) -> bool:
        """Return True: the file is for writing."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._written

    def write(self, data: Any) -> int:
        """Write the front of ``data``; return the number of bytes, as every raw stream does."""
        view = memoryview(data).cast("B")
        if self._discarded:
            return len(view)  # what a buffer still held
        if os.getpid() != self._pid:
            raise StorageError("A result is written by the process that opened it, not by a fork.")
        try:
            count = self._append(view)
        except BaseException:
            self._discarded = True  # what is written after this would leave a hole
            raise
        self._written += count
        return count

    def discard(self) -> None:
        """Publish nothing when this is closed."""
        self._discarded = True

    def close(self) -> None:
        """Publish the content, or remove it when it was discarded or could not be written."""
        if self.closed:
            return
        super().close()
        if os.getpid() != self._pid:
            return  # a forked copy: the file belongs to the process that opened it
        try:
            if not self._discarded:
                self._publish()
        except BaseException:
            self._discarded = True
            raise
        finally:
            if self._discarded:
                self._try_to_remove()

    def _try_to_remove(self) -> None:
        try:
            self._remove()
        except Exception:  # the caller is to see the error that led here, not this one
            _log.warning("An unfinished file could not be cleaned up.", exc_info=True)


class _DiscardsOnError(io.IOBase):
    """A wrapper that discards its file when a ``with`` block fails, or when it is never closed."""

    _file: AtomicFile

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._file.discard()
        self.close()

    def __del__(self) -> None:
        # Python closes what was forgotten open, which would publish a part of the content.
        if not self._file.closed:
            self._file.discard()
        with contextlib.suppress(ValueError):  # detached, or closed already
            self.close()


class _Binary(_DiscardsOnError, io.BufferedWriter):
    def __init__(self, file: AtomicFile) -> None:
        self._file = file
        super().__init__(file, _BUFFER_SIZE)


class _Text(_DiscardsOnError, io.TextIOWrapper):
    def __init__(self, file: AtomicFile) -> None:
        self._file = file
        super().__init__(_Binary(file), encoding="utf-8", newline="")


def writer(file: AtomicFile, *, binary: bool) -> IO[Any]:
    """Return a buffered file object, of bytes or of UTF-8 text, that writes to ``file``.

    Closing it publishes the content. Left by an exception in a ``with`` block, or never closed, it
    publishes nothing.
    """
    return _Binary(file) if binary else _Text(file)
