"""Ties a process to the one that started it: when that one dies, however, this one is told."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
#: Seconds between looks at the parent where the kernel gives no sign of its death.
_LOOK = 1.0


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have this process sent ``number`` when its parent ends (Linux prctl(2); elsewhere by polling)."""
    parent = os.getppid()
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, number)
    else:
        threading.Thread(target=_poll, args=(parent, number), daemon=True).start()
    if os.getppid() != parent:  # it died in between
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Make this process the parent of what its descendants leave orphaned (Linux prctl(2))."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def close_to_equals() -> None:
    """Keep processes of the same user out of this one's memory and environment (Linux prctl(2)).

    What authors' code runs in is such a process. A program that is started from here is open again.
    """
    prctl(_PR_SET_DUMPABLE, 0)


def be_first_to_go() -> None:
    """When memory runs out, have the system end this process rather than those that mind it (Linux)."""
    with contextlib.suppress(OSError):
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(descriptor, b"500")
        finally:
            os.close(descriptor)


def prctl(option: int, value: int) -> None:
    """Call prctl(2) where there is one."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _poll(parent: int, number: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), number)
