"""What a task takes of memory and CPU, as its own process sees it."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

#: Written to it, 5 makes the kernel note the peak of the resident memory anew (proc(5)).
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Usage:
    """What is taken from now on, in this process and in those that it starts and waits for."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")
        self._of_children = _peak_of_children()
        self._cpu_time = _cpu_time()

    @property
    def peak_memory(self) -> int:
        """The most bytes that one of the processes had resident, imported modules included."""
        of_children = _peak_of_children()
        return max(_peak(), of_children if of_children > self._of_children else 0)

    @property
    def cpu_time(self) -> float:
        """The seconds of CPU time that they have used."""
        return max(0.0, round(_cpu_time() - self._cpu_time, 3))


def _peak() -> int:
    with contextlib.suppress(OSError), _STATUS.open() as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _peak_of_children() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _cpu_time() -> float:
    # os.times() counts in steps of 10 ms, in which many small tasks take nothing.
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
