"""How often an address may be wrong about a token or a password."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from datanectar.errors import TooManyAttempts

_WINDOW = 60.0
#: So many addresses are remembered at most.
_MOST = 10_000


class Attempts:
    """Failed attempts by address, of the last minute.

    Args:
        most: failures after which an address has to wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, address: str) -> None:
        """Refuse an address that has failed too often.

        Raises:
            TooManyAttempts: with the time after which to try again.
        """
        with self._lock:
            failures = self._recent(address)
        if len(failures) >= self._most:
            wait = max(1, round(_WINDOW - (time.monotonic() - failures[-self._most])))
            raise TooManyAttempts(
                f"Too many wrong tokens or passwords from {address}: try again in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )

    def fail(self, address: str) -> None:
        """Remember a failure."""
        with self._lock:
            self._failures[address] = [*self._recent(address), time.monotonic()]
            self._failures.move_to_end(address)
            while len(self._failures) > _MOST:
                self._failures.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        oldest = time.monotonic() - _WINDOW
        return [stamp for stamp in self._failures.get(address, ()) if stamp > oldest]
