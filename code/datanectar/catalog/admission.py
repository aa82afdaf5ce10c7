"""Room for requests that wait for authors' code: the rest of the threads stays free for the others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from datanectar.errors import Unavailable

#: Seconds that a request waits for a place: enough where chains are sound, and many ask at once.
_PATIENCE = 2.0
#: Seconds after which a client that was refused may ask again.
_RETRY_AFTER = "5"


class Admission:
    """A number of places for those who wait for a chain.

    Args:
        places: how many.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._news = threading.Condition()
        self._is_stuck = False

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place until the block's end.

        Raises:
            Unavailable: when none becomes free in time; at once when the last to wait did so in
                vain and none has been given up since.
        """
        with self._news:
            patience = 0.0 if self._is_stuck else _PATIENCE
            if not self._news.wait_for(lambda: self._free > 0, patience):
                self._is_stuck = True
                raise Unavailable(
                    "Too many requests wait for chains to be imported; try again.",
                    headers={"Retry-After": _RETRY_AFTER},
                )
            self._free -= 1
        try:
            yield
        finally:
            with self._news:
                self._free += 1
                self._is_stuck = False
                self._news.notify()
