"""A task's process and all below it, as psutil sees them."""

from __future__ import annotations

import contextlib
import math
import signal
from pathlib import Path

import psutil

from datanectar.limits.watch import Limits

#: Rounds in which processes are stopped until no new one is found.
_ROUNDS = 100


class ProcessTree:
    """The processes of a task, seen from outside every now and then (``limits.watch.Processes``).

    Args:
        pid: the task's own process, which adopts what the others leave orphaned.
        limits: the limits.
    """

    def __init__(self, pid: int, limits: Limits) -> None:
        self._most_memory, self._most_processes = (
            limits[name][0] if name in limits else math.inf for name in ("memory", "processes")
        )
        self._root: psutil.Process | None = None
        self.memory = self.peak_memory = self._at_first = 0
        self.cpu_time = 0.0
        self.count = 0
        with contextlib.suppress(psutil.Error):
            self._root = psutil.Process(pid)
            self._at_first = self._root.memory_info().rss

    def look(self) -> str | None:
        """Read the figures anew; return the limit that was reached, ``memory`` or ``processes``."""
        all_of_them = self._all()
        if not all_of_them:
            return None
        count = sum(_threads(each) for each in all_of_them)
        self.count = max(self.count, count)
        self.cpu_time = max(self.cpu_time, sum(_cpu_time(each) for each in all_of_them))
        self.memory = self._memory_of(all_of_them)
        self.peak_memory = max(self.peak_memory, self.memory)
        if self.memory > self._most_memory:
            return "memory"
        return "processes" if count > self._most_processes else None

    def kill(self) -> None:
        """Kill them all: each is stopped first, so that none starts another meanwhile."""
        known: set[psutil.Process] = set()
        for _ in range(_ROUNDS):
            new = set(self._all()) - known
            if not new:
                break
            for each in new:
                _send(each, signal.SIGSTOP)
            known |= new
        for each in known:
            _send(each, signal.SIGKILL)

    def _all(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            if self._root is not None and self._root.is_running():
                return [self._root, *self._root.children(recursive=True)]
        return []

    def _memory_of(self, processes: list[psutil.Process]) -> int:
        """Return the bytes that they hold together, beyond what the task's process began with.

        What several share is divided among them. Counting that is slow, so it is done only where
        the plain sum, which counts it several times, is above the limit.
        """
        plain = sum(_resident(each) for each in processes) - self._at_first
        if plain <= self._most_memory:
            return max(0, plain)
        return max(0, sum(_private(each) for each in processes) - self._at_first)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)


def _threads(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.num_threads())
    return 0


def _cpu_time(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _private(process: psutil.Process) -> int:
    """Return the bytes of a process that are in no file, its share of those that it shares (proc(5))."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        sizes = (line.split() for line in lines)
        return sum(
            int(words[1]) * 1024 for words in sizes if words[0] in ("Pss_Anon:", "Pss_Shmem:")
        )
    return _resident(process)
