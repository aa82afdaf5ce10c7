"""The limits of a task that are for all its processes together, kept by the process that started it."""

from __future__ import annotations

import time
from typing import Protocol

from datanectar.authoring.needs import Needs, needs_of
from datanectar.limits.wording import advice
from datanectar.settings.sizes import size_in_words

#: Seconds between two looks at a task's processes.
_INTERVAL = 0.2


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
    """Looks at the processes of one task.

    Args:
        cls: the task's class.
        processes: the task's processes.
    """

    def __init__(self, cls: type, processes: Processes) -> None:
        self._cls = cls
        self._needs: Needs = needs_of(cls)
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

    def look_now(self) -> None:
        """Look whether a limit is reached."""
        reached = self._processes.look()
        most = self._needs.cpu_time
        if reached is None and most is not None and self.cpu_time >= most:
            reached = "cpu_time"
        self.reached = self.reached or reached

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
        return f"Task {task_id} {taken[name]}, more than {advice(self._cls, name)}"
