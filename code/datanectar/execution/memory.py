"""How much memory there still is for what only makes things faster. Linux alone tells."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def available() -> int:
    """Return how many bytes can be had before somebody must do without, 0 when nothing tells.

    That is what the machine has left (proc_meminfo(5), ``MemAvailable``), or the container, if that
    is less (the kernel's admin-guide/cgroup-v2.rst, ``memory.max``).
    """
    left = 0
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = _MACHINE.read_text().splitlines()
        left = (
            next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
        )
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = _OWN_GROUP.read_text().splitlines()
        group = _GROUPS / next(line[4:] for line in lines if line.startswith("0::/"))
        limit = int((group / "memory.max").read_text())  # "max" is no limit, and no number
        left = min(left, max(0, limit - int((group / "memory.current").read_text())))
    return left


def grown(pid: int) -> int:
    """Return by how many bytes a process has more memory of its own kind than this one.

    A fork starts out even: what it has more is what it made since; copies of shared pages don't show
    (proc_pid_statm(5): what is resident, less what files back).
    """
    return max(0, _anonymous(pid) - _anonymous(os.getpid()))


def _anonymous(pid: int) -> int:
    with contextlib.suppress(OSError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0
