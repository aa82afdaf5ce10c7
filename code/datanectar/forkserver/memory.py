"""How much memory there still is for what only makes things faster. Linux alone tells."""

from __future__ import annotations

import contextlib
import os

_MACHINE = "/proc/meminfo"
_OWN_GROUP = "/proc/self/cgroup"
_GROUPS = "/sys/fs/cgroup"

#: More bytes than any of these files has.
_WHOLE = 65_536


def available() -> int:
    """Return how many bytes can be had before somebody must do without, 0 when nothing tells.

    That is what the machine has left (proc_meminfo(5), ``MemAvailable``), or the container, if that
    is less (the kernel's admin-guide/cgroup-v2.rst, ``memory.max``).
    """
    left = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        left = int(_read(_MACHINE).partition("MemAvailable:")[2].split()[0]) * 1024
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = _read(_OWN_GROUP).splitlines()
        group = _GROUPS + next(line[3:] for line in lines if line.startswith("0::/"))
        limit = int(_read(f"{group}/memory.max"))  # "max" is no limit, and no number
        left = min(left, max(0, limit - int(_read(f"{group}/memory.current"))))
    return left


def grown(pid: int) -> int:
    """Return by how many bytes a process has more memory of its own kind than this one.

    A fork starts out even: what it has more is what it made since; copies of shared pages don't show
    (proc_pid_statm(5): what is resident, less what files back).
    """
    return max(0, _anonymous(pid) - _anonymous(os.getpid()))


def _anonymous(pid: int) -> int:
    with contextlib.suppress(OSError):
        _, resident, shared, *_ = map(int, _read(f"/proc/{pid}/statm").split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _read(path: str) -> str:
    # Not by pathlib, which interns the names in a path: here with a pid, a new one each time. It
    # would move the table of all such names, which a child that is forked from here is to copy.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _WHOLE).decode()
    finally:
        os.close(descriptor)
