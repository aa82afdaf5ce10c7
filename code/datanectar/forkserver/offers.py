"""Children on offer: nobody's, until the parent takes one that has the run which it is for.

Each holds memory, so how many there may be follows how many are taken: many while a queue builds up
faster than it is worked off, few when workers elsewhere have the runs.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cached_property

from datanectar.forkserver import memory
from datanectar.forkserver.protocol import Message

#: So many may wait at once, and as many more for each that is taken, up to a limit...
FEW, MORE_FOR_EACH_TAKEN, MOST = 8, 2, 200
#: ... and as fit into this part of the memory that is left.
_PART = 10
#: Bytes of its own that a child has copied by then, besides what its chain has brought.
_COPIED = 9_000_000
#: Seconds that one waits: whoever comes later wants a child that has seen the chain as it is then.
HOLDS = 10.0


@dataclass(frozen=True)
class Offer:
    """A child, as its parent offered it, and that parent's ends of its pipes."""

    child: Message
    descriptors: list[int]
    until: float = field(default_factory=lambda: time.monotonic() + HOLDS)

    @property
    def is_sound(self) -> bool:
        """Whether the pipe ends have arrived: this process had descriptors left for them."""
        return len(self.descriptors) == 2

    @cached_property
    def size(self) -> int:
        """Bytes of memory that the child has of its own, as it was when it was first asked for."""
        return _COPIED + memory.grown(self.child.number)

    def close(self) -> None:
        """Close the pipe ends in this process."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Offers:
    """The offers that stand, by the name that they are to be asked for by."""

    def __init__(self) -> None:
        self._standing: dict[bytes, Offer] = {}
        self._room = FEW

    @property
    def queue_up(self) -> bool:
        """Whether more stand than are likely to be taken soon."""
        return len(self._standing) > FEW

    def add(self, offer: Offer) -> bool:
        """Let an offer stand; return False, and close it, when there is no room."""
        if len(self._standing) < self._room and offer.is_sound and self._fits(offer):
            self._standing[offer.child.name] = offer
            return True
        offer.close()
        return False

    def _fits(self, offer: Offer) -> bool:
        return fit_into_memory(sum(each.size for each in self._standing.values()), offer.size)

    def take(self, name: bytes) -> Offer | None:
        """Return the offer of a name, which is the caller's to close, if it stands."""
        offer = self._standing.pop(name, None)
        if offer is not None:
            self._room = min(MOST, self._room + MORE_FOR_EACH_TAKEN)
        return offer

    def withdraw(self, pid: int) -> None:
        """Close the offer of a child that has ended, if there is one."""
        for name in [name for name, o in self._standing.items() if o.child.number == pid]:
            self._standing.pop(name).close()

    def withdraw_overdue(self) -> list[int]:
        """Close the offers that have stood too long; return the pids of their children."""
        pids = []
        while self._standing and time.monotonic() >= self.first_end():
            offer = self._standing.pop(next(iter(self._standing)))
            offer.close()
            pids.append(offer.child.number)
            self._room = max(FEW, self._room // 2)
        return pids

    def first_end(self) -> float:
        """Return until when all offers stand, by the monotonic clock; it is the oldest's end."""
        return next((offer.until for offer in self._standing.values()), float("inf"))

    def close(self) -> None:
        """Close all pipe ends, in a process that has come by them with a fork."""
        for offer in self._standing.values():
            offer.close()


def fit_into_memory(standing: int, size: int) -> bool:
    """Tell whether a child of ``size`` bytes may wait besides those that take ``standing`` bytes."""
    return standing + size <= (memory.available() + standing) / _PART
