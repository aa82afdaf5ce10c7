"""Copies what this process and its subprocesses write to a log, and still shows it.

In a run of the service descriptors 1 and 2 are the log itself. At a terminal or in a notebook a
person reads along: there each descriptor is a pipe, from which a thread copies to the log and to
where the descriptor led before. What Python writes is copied as it is written, after what has come
through the pipes, which keeps the order.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO

_LIBC = ctypes.CDLL(None)
_CHUNK = 1 << 16


@contextlib.contextmanager
def tee(file: Path) -> Iterator[Callable[[bytes], None]]:
    """Append the block's output to ``file``; yield a function that writes to the file alone."""
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        with _piped(log) as pump:
            before = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = (
                _copying_stream(stream, number, pump) for number, stream in enumerate(before, 1)
            )
            try:
                yield pump.write_to_log
            finally:
                flush()
                sys.stdout, sys.stderr = before
    finally:
        os.close(log)


def flush() -> None:
    """Write out the buffers of Python's streams, which may be closed, and of the C library."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    _LIBC.fflush(None)


class _Pump:
    """Copies from pipes to where each led before, and to the log as long as that is open.

    Args:
        log: the log's descriptor.
        shown: where descriptors 1 and 2 led before.
        targets: by the descriptor to read from, the one to write to; the pump closes both.
    """

    def __init__(self, log: int, shown: list[int], targets: dict[int, int]) -> None:
        self.log: int | None = log
        self.shown = shown
        self._targets = targets
        self._pid = os.getpid()
        self._lock = threading.Lock()
        threading.Thread(target=self._copy_all, name="log", daemon=True).start()

    def catch_up(self) -> None:
        """Copy what is in the pipes; a fork copies nothing, its parent does."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            while self._copy_ready(0):
                pass

    def write_to_log(self, data: bytes) -> None:
        """Write to the log alone, below all output so far."""
        flush()
        self.catch_up()
        if self.log is not None:
            _write_all(self.log, data)

    def _copy_all(self) -> None:
        """Copy until no process has the pipes open: subprocesses may outlive the block."""
        while self._targets:
            self._poll(None)
            with self._lock:
                self._copy_ready(0)

    def _poll(self, milliseconds: float | None) -> list[int]:
        """Return the pipes that have data, or have ended."""
        poll, sources = select.poll(), list(self._targets)
        for source in sources:
            poll.register(source, select.POLLIN)
        return [source for source, _ in poll.poll(milliseconds)] if sources else []

    def _copy_ready(self, milliseconds: float) -> bool:
        """Copy a piece of each pipe that has one; tell whether one had."""
        copied = False
        for source in self._poll(milliseconds):
            data = os.read(source, _CHUNK)
            if data:
                copied = True
                _write_all(self._targets[source], data)
                if self.log is not None:
                    _write_all(self.log, data)
            else:
                os.close(source)
                os.close(self._targets.pop(source))
        return copied


class _CopyingStream(io.RawIOBase):
    """The raw stream below ``sys.stdout`` or ``sys.stderr`` within the block."""

    def __init__(self, stream: TextIO | None, number: int, pump: _Pump) -> None:
        self._stream = stream
        self._number = number
        self._pump = pump
        self._is_descriptor = _descriptor(stream) == number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._is_descriptor:
            return self._number
        raise io.UnsupportedOperation("fileno")

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def write(self, data: Any) -> int:
        """Show the data and log it, below what came through the pipes."""
        content = bytes(data)
        self._pump.catch_up()
        if self._pump.log is None:  # the block is over, and something has kept the stream
            _write_all(self._number, content)
            return len(content)
        _write_all(self._pump.log, content)
        if self._is_descriptor:
            _write_all(self._pump.shown[self._number - 1], content)
        elif self._stream is not None:
            # A notebook's stream, or a test's; it may be closed.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(content.decode("utf-8", "replace"))
        return len(content)


def _copying_stream(stream: TextIO | None, number: int, pump: _Pump) -> TextIO:
    raw: Any = _CopyingStream(stream, number, pump)
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", "\n", write_through=True)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data; a reader that has gone, or a full disk, misses it."""
    rest = memoryview(data)
    with contextlib.suppress(OSError):
        while rest:
            rest = rest[os.write(descriptor, rest) :]


@contextlib.contextmanager
def _piped(log: int) -> Iterator[_Pump]:
    """Replace descriptors 1 and 2 by pipes: by one pipe where both lead to the same file."""
    flush()
    kept = [os.dup(1), os.dup(2)]
    pipes = [os.pipe()] if os.path.sameopenfile(1, 2) else [os.pipe(), os.pipe()]
    pump = _Pump(log, kept, {pipe[0]: os.dup(kept[n]) for n, pipe in enumerate(pipes)})
    for number in (1, 2):
        os.dup2(pipes[min(number, len(pipes)) - 1][1], number)
    for _, end in pipes:
        os.close(end)
    try:
        yield pump
    finally:
        flush()
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        pump.catch_up()
        pump.log = None


def _descriptor(stream: IO[str] | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
