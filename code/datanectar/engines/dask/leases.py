"""How long a task on a Dask worker may run without word from the scheduler.

When the scheduler loses a worker, it gives the worker's tasks to another at once. A worker that is
cut off or suspended does not know of it. So its fork server kills a task's process when the worker
has not heard from the scheduler for a while, and whoever begins such a task again waits that long.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

#: Seconds that a task's process lives after the last request that the scheduler answered.
LIFE = 8.0
#: Seconds after which a process of a worker that was lost has ended for certain.
OVER = 10.0
_INTERVAL = 2.0


class Lease:
    """Renewed by a thread of the Dask worker as long as the scheduler answers.

    Args:
        ask: makes a request of the scheduler; it raises when that can't be reached in time.
        extend: takes the reading of ``time.monotonic`` until which children may live.
    """

    def __init__(self, ask: Callable[[], Any], extend: Callable[[float], None]) -> None:
        self._ask = ask
        self._extend = extend
        self.until = float("inf")
        self._lapses = 0
        self.renew()
        threading.Thread(target=self._keep, name="lease", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether no task may run here now."""
        return time.monotonic() > self.until

    @property
    def lapses(self) -> int:
        """How often it has ended, so that children were killed."""
        return self._lapses + self.is_over

    def renew(self) -> None:
        """Ask the scheduler, and let children live on if it answers."""
        asked = time.monotonic()
        self._ask()
        self._lapses = self.lapses
        self.until = asked + LIFE
        self._extend(self.until)

    def _keep(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            with contextlib.suppress(Exception):  # whatever the connection raises: the lease ends
                self.renew()
