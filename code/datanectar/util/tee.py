"""Has a log take what this process and those it starts write, which is seen all the same.

In a run of the service descriptors 1 and 2 are the log itself. Where a person looks on, at a
terminal or in a notebook, each gets a pipe, from which a thread copies to both. What Python writes
is copied as it is written, after all that has come through the pipes: so it stays in order.
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
    """Append to ``file`` what is written in the block; give a way to write what nobody else sees."""
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        with _piped(log) as pump:
            before = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = (
                _copying(stream, number, pump) for number, stream in enumerate(before, 1)
            )
            try:
                yield pump.note
            finally:
                flush()
                sys.stdout, sys.stderr = before
    finally:
        os.close(log)


class _Pump:
    """Copies from pipes to where each led before, and to the log as long as it is open.

    Args:
        log: the log's descriptor.
        shown: where descriptors 1 and 2 led before.
        ends: by the pipe's end to read from, where its data goes; the pump closes both.
    """

    def __init__(self, log: int, shown: list[int], ends: dict[int, int]) -> None:
        self.log: int | None = log
        self.shown = shown
        self._ends = ends
        self._pid = os.getpid()
        self._lock = threading.Lock()
        threading.Thread(target=self._copy_all, name="log", daemon=True).start()

    def catch_up(self) -> None:
        """Copy what is in the pipes; nothing in a fork, whose parent does that."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            while self._copy_ready(0):
                pass

    def note(self, data: bytes) -> None:
        """Write to the log alone, below all that was said so far."""
        flush()
        self.catch_up()
        if self.log is not None:
            _write_all(self.log, data)

    def _copy_all(self) -> None:
        """Copy until nobody has the pipes open any more: who was left behind may still write."""
        while self._ends:
            self._wait()
            with self._lock:
                self._copy_ready(0)

    def _wait(self) -> None:
        poll = select.poll()
        for end in list(self._ends):
            poll.register(end, select.POLLIN)
        poll.poll()

    def _copy_ready(self, seconds: float) -> bool:
        """Copy a piece of each pipe that has one; return whether one had."""
        poll = select.poll()
        for end in self._ends:
            poll.register(end, select.POLLIN)
        copied = False
        for end, _ in poll.poll(seconds):
            data = os.read(end, _CHUNK)
            if data:
                copied = True
                _write_all(self._ends[end], data)
                if self.log is not None:
                    _write_all(self.log, data)
            else:
                os.close(end)
                os.close(self._ends.pop(end))
        return copied


class _Copying(io.RawIOBase):
    """The stream below ``sys.stdout`` or ``sys.stderr`` meanwhile."""

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
        if self._pump.log is None:  # somebody has kept the stream beyond its time
            _write_all(self._number, content)
            return len(content)
        _write_all(self._pump.log, content)
        if self._is_descriptor:
            _write_all(self._pump.shown[self._number - 1], content)
        elif self._stream is not None:
            with contextlib.suppress(
                OSError, ValueError
            ):  # a notebook's, or a test's; closed maybe
                self._stream.write(content.decode("utf-8", "replace"))
        return len(content)


def _copying(stream: TextIO | None, number: int, pump: _Pump) -> TextIO:
    raw: Any = _Copying(stream, number, pump)
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", "\n", write_through=True)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write the data, whole; a reader that has gone, or a full disk, misses it."""
    rest = memoryview(data)
    with contextlib.suppress(OSError):
        while rest:
            rest = rest[os.write(descriptor, rest) :]


@contextlib.contextmanager
def _piped(log: int) -> Iterator[_Pump]:
    """Put pipes in the place of descriptors 1 and 2: one for both where both lead to one place."""
    flush()
    kept = [os.dup(1), os.dup(2)]
    pipes = [os.pipe()] if _same_place(1, 2) else [os.pipe(), os.pipe()]
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


def _same_place(one: int, other: int) -> bool:
    return os.path.sameopenfile(one, other)


def _descriptor(stream: IO[str] | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def flush() -> None:
    """Write out what Python and the C library hold back; a task may have closed either's streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    _LIBC.fflush(None)
