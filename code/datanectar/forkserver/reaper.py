"""Which children of this process have ended, and the end of those that are to end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

#: Of the thread that reads it, the only one here. Made once: a path interns the names in it, and so
#: in time moves the table of all such names, pages of which children are to copy.
_CHILDREN = Path("/proc/thread-self/children")


def ended_child() -> int | None:
    """Return the pid of a child that has ended and is not reaped yet, or None."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return _ended_by_polling()
    with contextlib.suppress(ChildProcessError):
        result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return result.si_pid if result else None
    return None


def _ended_by_polling() -> int | None:
    import psutil

    children = psutil.Process().children()
    return next((p.pid for p in children if p.status() == psutil.STATUS_ZOMBIE), None)


def kill_descendants() -> None:
    """Kill and reap every child of this process, and what becomes one as its parents end."""
    with contextlib.suppress(ChildProcessError):
        while True:
            kill_children(but=())
            os.waitpid(-1, 0)


def kill_children(but: Collection[int]) -> None:
    """Kill this process's children, except those of these pids."""
    for pid in _children_of_this_process():
        if pid not in but:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def kill_and_reap(but: Collection[int]) -> None:
    """Kill this process's children, except those of these pids, and bury those that have ended."""
    for pid in _children_of_this_process():
        if pid not in but:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)


def _children_of_this_process() -> list[int]:
    try:
        return [int(pid) for pid in _CHILDREN.read_text().split()]
    except OSError:  # no Linux, or a kernel without CONFIG_PROC_CHILDREN
        return []


def kill_group(pid: int) -> None:
    """Kill a child and its process group; harmless when they have ended."""
    for kill in (os.killpg, os.kill):  # the group, and the child in case it is not yet its leader
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)
