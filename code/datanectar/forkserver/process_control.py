"""Ties processes to each other, ends them, and names them: the calls that the standard library lacks.

Most is Linux's prctl(2); elsewhere the functions do what they can, or nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
#: Seconds between looks at the parent where the kernel gives no sign of its death.
_POLL_INTERVAL = 1.0
#: The children of the thread that reads it (proc_tid_children(5)).
_CHILDREN = Path("/proc/thread-self/children")


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have this process sent ``number`` when its parent ends (Linux prctl(2); elsewhere by polling)."""
    parent = os.getppid()
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, number)
    else:
        threading.Thread(target=_poll_parent, args=(parent, number), daemon=True).start()
    if os.getppid() != parent:  # it died in between
        os.kill(os.getpid(), number)


def _poll_parent(parent: int, number: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_INTERVAL)
    os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Make this process the parent of what its descendants leave orphaned (Linux prctl(2))."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Keep other processes of the same user out of this one's memory and environment (Linux prctl(2)).

    A program that is started from here can be read again.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def prefer_oom_kill() -> None:
    """Have the system kill this process rather than its parents when memory runs out (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def set_title(title: str) -> None:
    """Have ``ps`` show a title for this process (Linux only: it breaks forks on macOS).

    The first call must come before ``os.environ`` is changed: setproctitle finds the place by it.
    """
    if sys.platform == "linux":
        _setproctitle()("".join(char if char.isprintable() else "?" for char in title))


@functools.cache
def _setproctitle() -> Callable[[str], None]:
    os.environ["SPT_NOENV"] = "1"  # leave /proc/<pid>/environ alone (setproctitle's README)
    import setproctitle

    setproctitle.getproctitle()  # which reads that variable
    del os.environ["SPT_NOENV"]
    return setproctitle.setproctitle


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


def kill_group(pid: int) -> None:
    """Kill a child and its process group; harmless when they have ended."""
    for kill in (os.killpg, os.kill):  # the child too: it may not lead its group yet
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


def kill_children(keep: Collection[int]) -> None:
    """Kill this process's children, except those of these pids."""
    for pid in _children().difference(keep):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def kill_and_reap_children(keep: Collection[int]) -> None:
    """Kill this process's children, except those of these pids, and reap those that have ended."""
    kill_children(keep)
    for pid in _children().difference(keep):
        with contextlib.suppress(OSError):
            os.waitpid(pid, os.WNOHANG)


def kill_descendants() -> None:
    """Kill and reap every child of this process, and what it adopts as those end."""
    with contextlib.suppress(ChildProcessError):
        while True:
            kill_children(keep=())
            os.waitpid(-1, 0)


def _children() -> set[int]:
    with contextlib.suppress(OSError):  # no Linux, or a kernel without CONFIG_PROC_CHILDREN
        return {int(pid) for pid in _CHILDREN.read_text().split()}
    return set()
