"""The limits of a task that are for all its processes together, kept by the process that started it."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Mapping
from typing import Protocol

from datanectar.authoring.needs import needs_of
from datanectar.limits.wording import advice
from datanectar.settings.sizes import size_in_words

#: By option: how much all processes of a task may take together, and what is told of the limit.
Limits = Mapping[str, tuple[float, str]]

#: Seconds between two looks at a task's processes.
_INTERVAL = 0.2
_WATCHED = ("memory", "cpu_time", "processes")


def limits_of(cls: type) -> Limits:
    """Return the limits of a task class that are for all its processes together."""
    needs = needs_of(cls)
    amounts = {name: getattr(needs, name) for name in _WATCHED}
    return {
        name: (amount, advice(cls, name)) for name, amount in amounts.items() if amount is not None
    }


class Processes(Protocol):
    """All processes of a task."""

    memory: int
    peak_memory: int
    cpu_time: float
    count: int

    def look(self) -> str | None:
        """Read the figures anew; return the limit that was reached, ``memory`` or ``processes``."""

    def kill(self) -> None:
        """Kill them all."""


class Watch:
    """Looks at the processes of one task; asks it to end when it has used its CPU time.

    Args:
        pid: the task's own process.
        limits: the task's limits.
        processes: the task's processes.
        kill_after: seconds that the task gets to clean up after its CPU time.
    """

    def __init__(self, pid: int, limits: Limits, processes: Processes, kill_after: float) -> None:
        self._pid = pid
        self._kill_after = kill_after
        self._kill_at: float | None = None
        self._limits = limits
        self._processes = processes
        self._next = 0.0
        #: The limit that the task has reached, by the name of its option.
        self.reached: str | None = None

    @property
    def peak_memory(self) -> int:
        """The most bytes that the processes were seen to hold together."""
        return self._processes.peak_memory

    @property
    def cpu_time(self) -> float:
        """The seconds of CPU time that they were seen to have used together."""
        return self._processes.cpu_time

    def look(self) -> str | None:
        """Look, if it is time; return the limit that the task has reached, by its option."""
        if time.monotonic() > self._next:
            self.look_now()
            self._next = time.monotonic() + _INTERVAL
        return self.reached

    def look_now(self, *, has_ended: bool = False) -> None:
        """Look whether a limit is reached; of a process that has ended, whether one was."""
        reached = self._processes.look()
        if reached is None and self.cpu_time >= self._limits.get("cpu_time", (math.inf,))[0]:
            reached = self._ask_to_end(has_ended)
        self.reached = self.reached or reached

    def _ask_to_end(self, has_ended: bool) -> str | None:
        """Have a task end that has used its CPU time; return this limit when it is to be killed."""
        if self._kill_at is None and not has_ended:
            self._kill_at = time.monotonic() + self._kill_after
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGXCPU)
        is_over = self._kill_at is not None and time.monotonic() >= self._kill_at
        return "cpu_time" if has_ended or is_over else None

    def kill(self) -> None:
        """Kill all processes of the task."""
        self._processes.kill()

    def reason(self, task_id: str) -> str:
        """Return which limit was reached, how much was taken, and what to do."""
        taken = {
            "memory": f"held {size_in_words(self.peak_memory)} of memory",
            "cpu_time": f"used {self.cpu_time:.1f} s of CPU time",
            "processes": f"had {self._processes.count} processes and threads",
        }
        name = self.reached or ""
        return f"Task {task_id} {taken[name]}, more than {self._limits[name][1]}"
