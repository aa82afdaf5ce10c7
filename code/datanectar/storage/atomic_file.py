"""File objects whose content is published when they are closed, and only then.

Both stores write through these, so "whole or not at all" is decided in one place.
"""

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

#: Bytes collected before they go to the store. Small writes are the rule in tasks.
_BUFFER_SIZE = 128 * 1024


class AtomicFile(io.RawIOBase, metaclass=abc.ABCMeta):
    """Content on its way into a store. A store fills in the three steps below.

    It calls ``__init__`` when there is something to publish or to withdraw, not earlier.
    """

    #: The process that the draft belongs to. One whose making failed belongs to none, and Python
    #: will close it all the same.
    _pid = 0

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._sound = True
        self._written = 0

    @abc.abstractmethod
    def _take(self, data: memoryview) -> int:
        """Take in some bytes from the front of ``data``; return how many."""

    @abc.abstractmethod
    def _publish(self) -> None:
        """Make what was taken in the file's content, at once."""

    @abc.abstractmethod
    def _withdraw(self) -> None:
        """Remove every trace of what was taken in."""

    def writable(self) -> bool:
        """Tell that this is for writing."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._written

    def write(self, data: Any) -> int:
        """Take in the front of ``data``; return the number of bytes, as every raw stream does."""
        view = memoryview(data).cast("B")
        if not self._sound:
            return len(view)  # buffered bytes of a discarded draft go nowhere
        if os.getpid() != self._pid:
            raise StorageError("A result is written by the process that opened it, not by a fork.")
        try:
            count = self._take(view)
        except BaseException:
            self._sound = False  # what comes later would leave a hole
            raise
        self._written += count
        return count

    def discard(self) -> None:
        """Let nothing be published when this is closed."""
        self._sound = False

    def close(self) -> None:
        """Publish the content, or withdraw it when something went wrong before."""
        if self.closed:
            return
        super().close()
        if os.getpid() != self._pid:
            return  # a forked copy: the draft belongs to the process that began it
        try:
            if self._sound:
                self._publish()
        except BaseException:
            self._sound = False
            raise
        finally:
            if not self._sound:
                self._withdraw_quietly()

    def _withdraw_quietly(self) -> None:
        try:
            self._withdraw()
        except Exception:
            # The error that led here is the one to tell.
            _log.warning("An unfinished file could not be cleaned up.", exc_info=True)


class _Binary(io.BufferedWriter):
    """A binary file object on a draft."""

    def __init__(self, draft: AtomicFile) -> None:
        self._draft = draft
        super().__init__(draft, _BUFFER_SIZE)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._draft.discard()
        self.close()

    def __del__(self) -> None:
        _drop(self, self._draft)


class _Text(io.TextIOWrapper):
    """A UTF-8 file object on a draft, newlines as written."""

    def __init__(self, draft: AtomicFile) -> None:
        self._draft = draft
        super().__init__(_Binary(draft), encoding="utf-8", newline="")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._draft.discard()
        self.close()

    def __del__(self) -> None:
        _drop(self, self._draft)


def _drop(stream: IO[Any], draft: AtomicFile) -> None:
    """Throw away what was never closed: Python would close it, and so publish a half."""
    if not draft.closed:
        draft.discard()
    with contextlib.suppress(ValueError):  # detached, or closed already
        stream.close()


def writer(draft: AtomicFile, *, binary: bool) -> IO[Any]:
    """Return a file object that writes to ``draft`` and closes it.

    Left by an exception in a ``with`` block, or forgotten unclosed, it publishes nothing.
    """
    return _Binary(draft) if binary else _Text(draft)
