"""Where this process's output goes: descriptors 1 and 2, and Python's two streams over them.

Descriptors are redirected, not ``sys.stdout`` alone: so subprocesses and C libraries are covered too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from datanectar.util.tee import flush

#: The descriptor of the memory that holds captured output, if there is any.
_captured: list[int] = []
#: Bytes of captured output that are kept at most.
MOST_CAPTURED = 16_000_000


def mute() -> None:
    """Send all output to /dev/null: what an import prints belongs to no run."""
    _redirect(os.open(os.devnull, os.O_WRONLY))


def capture() -> None:
    """Keep all output in memory, for the log of a run that may follow (memfd_create(2))."""
    drop_captured()
    _captured.append(os.memfd_create("output"))
    _redirect(os.dup(_captured[0]))
    _open_streams()  # an import may keep or wrap the streams: they must be those of the run


def trim_captured() -> None:
    """Cut the captured output to ``MOST_CAPTURED`` bytes, before it waits for its run."""
    for captured in _captured:
        if os.fstat(captured).st_size > MOST_CAPTURED:
            os.ftruncate(captured, MOST_CAPTURED)
            os.lseek(captured, 0, os.SEEK_END)
            os.write(captured, b"\n[the rest of what the import printed is left out]\n")


def drop_captured() -> None:
    """Forget the captured output: no run follows."""
    while _captured:
        os.close(_captured.pop())


def begin(file: Path, mode: int) -> None:
    """Send all output to ``file``, the captured output first."""
    if not _captured:
        _open_streams()
    flush()
    log = _open_log(file, mode)
    while _captured:
        with open(_captured.pop(), "rb") as captured, open(log, "wb", closefd=False) as kept:  # noqa: PTH123
            captured.seek(0)
            shutil.copyfileobj(captured, kept)
    _redirect(log)


def append_to(file: Path, mode: int) -> None:
    """Send all further output to the end of ``file``; ``mode`` is its permissions if it is new."""
    flush()
    _redirect(_open_log(file, mode))


@contextlib.contextmanager
def appended_to(file: Path, mode: int) -> Iterator[None]:
    """Send the block's output to the end of ``file``."""
    before, streams = os.dup(1), (sys.stdout, sys.stderr)
    append_to(file, mode)
    try:
        yield
    finally:
        flush()
        _redirect(before)
        # A task may have closed its streams or put others in their place.
        sys.stdout, sys.stderr = (
            _open_stream(number) if stream is None or stream.closed else stream
            for number, stream in enumerate(streams, 1)
        )


def _open_log(file: Path, mode: int) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)


def _open_stream(descriptor: int) -> TextIO:
    return open(
        descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )


def _open_streams() -> None:
    sys.stdout, sys.stderr = _open_stream(1), _open_stream(2)


def _redirect(descriptor: int) -> None:
    """Let descriptors 1 and 2 be what this one is; close it."""
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
