"""Copies the memory pages that a child will write to before its job arrives.

A fork shares its parent's memory until it writes, and Python writes to nearly all that it uses: it
counts references. So a child's first steps copy page after page, at up to 4 µs each in a virtual
machine: half of the processor time of a small job. Which pages those are is learnt in a fork that
rehearses such a job: memory that is as it was at the fork has the same layout in all children.

In datanectar this saves 12 to 20 % of a trivial run's time (see docs/performance.md). It costs two
forks at the start of the fork server, this module, and up to 9 MB for each child that waits; so
those that have waited for long are replaced by children without it (:mod:`.pool`).

Linux only (madvise(2), since Linux 5.14); elsewhere nothing is learnt, and nothing copied.
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

#: madvise(2): fault pages in as a write would, without one.
_MADV_POPULATE_WRITE = 23
#: Bits of an entry of /proc/<pid>/pagemap (the kernel's admin-guide/mm/pagemap.rst): in memory, and
#: mapped by no other process.
_OWN = 1 << 63 | 1 << 56
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: The most ranges that one call takes (UIO_MAXIOV in the kernel's include/uapi/linux/uio.h).
_MOST_RANGES = 1024

#: Addresses and lengths in bytes, in turn: an array of struct iovec.
Ranges = array


def learn(work: Callable[[], object]) -> Ranges[int]:
    """Return the pages of this process that ``work`` writes to; it is done in a fork.

    Nothing is returned where the system does not show its mappings, or can't copy ahead.

    Raises:
        RuntimeError: when the work fails; the fork has printed why on stderr.
    """
    mapped = list(_writable_mappings())
    if not mapped or not _madvise(ctypes.CDLL(None), mapped[0][0], _PAGE):
        return array("Q")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _rehearse(work, mapped, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as report:  # noqa: PTH123
            pages = array("Q", report.read())
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if not pages:
        raise RuntimeError("a rehearsal failed")
    return pages


def _rehearse(work: Callable[[], object], mapped: list[tuple[int, int]], writer: int) -> None:
    try:
        work()
        with open(writer, "wb") as out:
            _own_pages(mapped).tofile(out)
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0)


def prefault(pages: Ranges[int]) -> None:
    """Copy the pages; one that can't be is left to be copied when it is written to."""
    libc = ctypes.CDLL(None)
    rest = pages[2 * _prefault_in_one_call(libc, pages) :]
    for start, length in zip(rest[::2], rest[1::2], strict=True):
        _madvise(libc, start, length)


def _madvise(libc: ctypes.CDLL, start: int, length: int) -> bool:
    """Copy a range; return whether it could be, which an old kernel can't."""
    memory = ctypes.c_void_p(start), ctypes.c_size_t(length)
    return int(libc.madvise(*memory, _MADV_POPULATE_WRITE)) == 0


def _prefault_in_one_call(libc: ctypes.CDLL, pages: Ranges[int]) -> int:
    """Return how many ranges, from the first on, one call has copied; 0 where it can't be made.

    It stops at a range whose mapping is gone. process_madvise(2) is in glibc since 2.36, and takes
    this advice since Linux 6.13 (mm/madvise.c); some builds of Python lack ``pidfd_open``. It takes
    half as long as a call for each range, which is 2 to 4 ms for a child's ranges.
    """
    if not (hasattr(libc, "process_madvise") and hasattr(os, "pidfd_open")):
        return 0
    try:
        process = os.pidfd_open(os.getpid())
    except OSError:  # no descriptor is left, or a sandbox forbids it
        return 0
    libc.process_madvise.restype = ctypes.c_ssize_t
    first = pages[: 2 * _MOST_RANGES]
    vector, count = ctypes.c_void_p(first.buffer_info()[0]), ctypes.c_size_t(len(first) // 2)
    done = libc.process_madvise(process, vector, count, _MADV_POPULATE_WRITE, 0)
    os.close(process)
    return sum(end <= done for end in accumulate(first[1::2]))


def _writable_mappings() -> Iterator[tuple[int, int]]:
    """Yield start and end of this process's writable private mappings (proc_pid_maps(5))."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, flags = line.split()[:2]
            if flags[1] == "w" and flags[3] == "p":
                start, end = addresses.split("-")
                yield int(start, 16), int(end, 16)


def _own_pages(mapped: list[tuple[int, int]]) -> Ranges[int]:
    """Return the pages of the mappings that no other process shares."""
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        # All are read before any is looked at, since looking writes to more pages.
        read = [_entries(pagemap, start, end) for start, end in mapped]
    found = array("Q")
    for (start, _), entries in zip(mapped, read, strict=True):
        for number, (entry,) in enumerate(struct.iter_unpack("=Q", entries)):
            if entry & _OWN == _OWN:
                _append(found, start + number * _PAGE)
    return found


def _entries(pagemap: FileIO, start: int, end: int) -> bytes:
    pagemap.seek(start // _PAGE * 8)
    return pagemap.read((end - start) // _PAGE * 8)


def _append(found: Ranges[int], address: int) -> None:
    """Add a page to the last range, or begin another one."""
    if found and found[-2] + found[-1] == address:
        found[-1] += _PAGE
    else:
        found.extend((address, _PAGE))
