"""A child changes its parent: one parent hands it over, another one picks it up by name.

The child that has read a request for one parent has the code imported that the job needs which
follows from it. Handed over, it does that job for the other parent, and one fork, one import and
one process end are saved. In datanectar, where a request is resolved for the web and run for the
worker, that is 8 to 14 % of the time of a trivial run and 11 to 21 % of the throughput (see
docs/performance.md).

It costs this module, two messages of the protocol, and memory: a child that waits to be picked up
holds what it has imported, and up to 9 MB of copied pages. So the number of those that wait is
bounded, and follows the number that are picked up: it is high while jobs queue up, and low when
other hosts do them. A child that nobody picks up is killed after a few seconds; its job is then
done by another one, which sees the code as it is by then.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from datanectar.forkserver.protocol import Message

#: How many may wait at first, how many more for each that is picked up, and the most.
FEW, MORE_PER_PICK_UP, MOST = 8, 2, 100
#: Seconds that a child waits.
HOLD = 10.0


@dataclass(frozen=True)
class Handover:
    """A child as its parent handed it over, with that parent's two pipe ends."""

    child: Message
    pipes: list[int]
    until: float = field(default_factory=lambda: time.monotonic() + HOLD)

    def close(self) -> None:
        """Close the pipe ends in this process."""
        for descriptor in self.pipes:
            os.close(descriptor)


class Handovers:
    """The children that wait to be picked up, by name; the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Handover] = {}
        self._limit = FEW

    def add(self, handover: Handover) -> bool:
        """Keep a child; return False, and close the pipe ends, when too many wait."""
        # Both pipe ends arrive unless this process has too many descriptors open.
        if len(self._waiting) < self._limit and len(handover.pipes) == 2:
            self._waiting[handover.child.name] = handover
            return True
        handover.close()
        return False

    def pick_up(self, name: bytes) -> Handover | None:
        """Return the child of a name, if it waits; the caller has to close it."""
        handover = self._waiting.pop(name, None)
        if handover is not None:
            self._limit = min(MOST, self._limit + MORE_PER_PICK_UP)
        return handover

    def on_exit(self, pid: int) -> None:
        """Forget a child that has ended."""
        for name in [name for name, h in self._waiting.items() if h.child.number == pid]:
            self._waiting.pop(name).close()

    def remove_overdue(self) -> list[int]:
        """Forget the children that have waited too long; return their pids."""
        pids = []
        while self._waiting and time.monotonic() >= self.next_deadline():
            handover = self._waiting.pop(next(iter(self._waiting)))
            handover.close()
            pids.append(handover.child.number)
            self._limit = max(FEW, self._limit // 2)
        return pids

    def next_deadline(self) -> float:
        """Return when the oldest has waited too long, by ``time.monotonic``."""
        return next((handover.until for handover in self._waiting.values()), float("inf"))

    def close(self) -> None:
        """Close all pipe ends, in a process that inherited them by a fork."""
        for handover in self._waiting.values():
            handover.close()
