"""Has a waiting child copy the pages that its job will write to, before the job is there.

A fork shares its parent's memory until it writes, and Python writes to nearly all that it uses: it
counts references. So a child's first steps are page after page copied, 4 µs each in a virtual
machine, half of the processor time of a small job. Which pages that will be is learnt from a child
that does such a job once; memory that is as it was at the fork is laid out alike in all children.

Linux alone; elsewhere children start as forks do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import traceback
from array import array
from collections.abc import Callable, Iterator
from io import FileIO
from itertools import accumulate
from pathlib import Path

#: madvise(2), since Linux 5.14: fault pages in as a write would, without one.
_MADV_POPULATE_WRITE = 23
#: Bits of an entry of /proc/<pid>/pagemap (the kernel's admin-guide/mm/pagemap.rst): in memory, and
#: mapped by no other process.
_OWN = 1 << 63 | 1 << 56
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: The most ranges that one call takes (UIO_MAXIOV in the kernel's include/uapi/linux/uio.h).
_RANGES = 1024

#: Addresses and lengths in bytes, in turn: struct iovec, one after another.
Pages = array


def learn(work: Callable[[], object]) -> Pages[int]:
    """Return the pages of this process that ``work`` writes to; it is done in a fork.

    None are returned where the system doesn't tell of its mappings, or can't copy ahead.

    Raises:
        RuntimeError: when the work fails; the fork has said why on stderr.
    """
    mapped = list(_writable())
    if not mapped or not _can_copy_ahead(mapped[0][0]):
        return array("Q")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work_and_tell(work, mapped, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as answer:  # noqa: PTH123
            pages = array("Q", answer.read())
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if not pages:
        raise RuntimeError("a fork that was to do it once more failed")
    return pages


def _work_and_tell(work: Callable[[], object], mapped: list[tuple[int, int]], writer: int) -> None:
    try:
        work()
        with open(writer, "wb") as out:
            _own_pages(mapped).tofile(out)
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0)


def _can_copy_ahead(address: int) -> bool:
    """Tell whether the system knows how, by one page of this process."""
    page = ctypes.c_void_p(address), ctypes.c_size_t(_PAGE)
    return int(ctypes.CDLL(None).madvise(*page, _MADV_POPULATE_WRITE)) == 0


def copy_ahead(pages: Pages[int]) -> None:
    """Make the pages this process's own; what can't be is left to be copied when written to."""
    libc = ctypes.CDLL(None)
    rest = pages[2 * _copied_at_a_stroke(libc, pages) :]
    for start, length in zip(rest[::2], rest[1::2], strict=True):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_POPULATE_WRITE)


def _copied_at_a_stroke(libc: ctypes.CDLL, pages: Pages[int]) -> int:
    """Return how many ranges, from the first on, one call did.

    That is all that it takes, unless a mapping has gone; none where it can't be had.
    process_madvise(2) is in glibc since 2.36, and takes this advice from a process on itself since
    Linux 6.13 (mm/madvise.c). Some builds of Python lack ``pidfd_open``.
    """
    if not (hasattr(libc, "process_madvise") and hasattr(os, "pidfd_open")):
        return 0
    try:
        process = os.pidfd_open(os.getpid())
    except OSError:  # no descriptor is left, or a sandbox forbids it
        return 0
    try:
        done, ends = _advise(libc, process, pages[: 2 * _RANGES]), accumulate(pages[1::2])
        return sum(end <= done for end in ends)
    finally:
        os.close(process)


def _advise(libc: ctypes.CDLL, process: int, ranges: Pages[int]) -> int:
    advise = libc.process_madvise
    advise.restype = ctypes.c_ssize_t
    vector, count = ctypes.c_void_p(ranges.buffer_info()[0]), ctypes.c_size_t(len(ranges) // 2)
    return int(advise(process, vector, count, _MADV_POPULATE_WRITE, 0))


def besides(pages: Pages[int], others: Pages[int]) -> Pages[int]:
    """Return those of the pages that are not among the others."""
    known = set(_addresses(others))
    found = array("Q")
    for address in _addresses(pages):
        if address not in known:
            _extend(found, address)
    return found


def _addresses(pages: Pages[int]) -> Iterator[int]:
    for start, length in zip(pages[::2], pages[1::2], strict=True):
        yield from range(start, start + length, _PAGE)


def _writable() -> Iterator[tuple[int, int]]:
    """Yield start and end of this process's writable private mappings (proc_pid_maps(5))."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, flags = line.split()[:2]
            if flags[1] == "w" and flags[3] == "p":
                start, end = addresses.split("-")
                yield int(start, 16), int(end, 16)


def _own_pages(mapped: list[tuple[int, int]]) -> Pages[int]:
    """Return which pages of the mappings no other process shares."""
    found = array("Q")
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        # All are read before any is looked at, which writes to more pages.
        read = [_entries(pagemap, start, end) for start, end in mapped]
    for (start, end), entries in zip(mapped, read, strict=True):
        for address, (entry,) in zip(
            range(start, end, _PAGE), struct.iter_unpack("=Q", entries), strict=False
        ):
            if entry & _OWN == _OWN:
                _extend(found, address)
    return found


def _entries(pagemap: FileIO, start: int, end: int) -> bytes:
    pagemap.seek(start // _PAGE * 8)
    return pagemap.read((end - start) // _PAGE * 8)


def _extend(found: Pages[int], address: int) -> None:
    if found and found[-2] + found[-1] == address:
        found[-1] += _PAGE
    else:
        found.extend((address, _PAGE))
