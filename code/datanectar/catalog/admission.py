"""Limits how many requests wait for authors' code, so that other threads stay free."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from datanectar.errors import Unavailable

#: Seconds that a request waits for a place: enough for many requests at once of sound chains.
_TIMEOUT = 2.0
#: Seconds after which a refused client may try again.
_RETRY_AFTER = "5"


class Admission:
    """A semaphore for requests that wait for a chain.

    Args:
        places: how many may wait at a time.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._released = threading.Condition()
        self._is_stuck = False

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place until the block's end.

        Raises:
            Unavailable: when none becomes free in time; at once when the last request to wait was
                refused and no place has been released since.
        """
        with self._released:
            timeout = 0.0 if self._is_stuck else _TIMEOUT
            if not self._released.wait_for(lambda: self._free > 0, timeout):
                self._is_stuck = True
                raise Unavailable(
                    "Too many requests wait for chains to be imported; try again.",
                    headers={"Retry-After": _RETRY_AFTER},
                )
            self._free -= 1
        try:
            yield
        finally:
            with self._released:
                self._free += 1
                self._is_stuck = False
                self._released.notify()
