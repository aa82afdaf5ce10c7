"""A worker's own view of its lease on its runs."""

from __future__ import annotations

import time


class Lease:
    """Until when no other worker may claim this worker's runs: some time after its last heartbeat.

    Args:
        seconds: how long a heartbeat is valid.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._unbroken_since = float("-inf")
        self.until = time.monotonic() + seconds

    def renew(self, moment: float) -> None:
        """Count from ``moment``, a reading of ``time.monotonic`` from before the heartbeat."""
        if self.is_over:
            self._unbroken_since = moment
        self.until = moment + self._seconds

    @property
    def is_over(self) -> bool:
        """Whether another worker may have claimed the runs by now."""
        return time.monotonic() > self.until

    @property
    def is_steady(self) -> bool:
        """Whether this worker may judge others by their heartbeats.

        While the store was away nobody could send any. Once it is back, all get the time to do so.
        """
        return not self.is_over and time.monotonic() > self._unbroken_since + self._seconds
