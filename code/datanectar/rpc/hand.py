"""The tasks that luigid has given to a run and that it has not begun: its hand.

Small tasks are given many at a time, since a reply of luigid takes longer than such a task. luigid
calls them RUNNING, which keeps them from other runs. So a hand is for a moment only: what is still
in it when a task takes longer is given back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from luigi.worker import fork_lock

#: Seconds for which a hand should last, and the most tasks in one.
_LASTS, _MOST = 0.1, 128
#: Seconds after which what is left of a hand is given back.
_KEPT_FOR = 1.0
#: Seconds between two looks at a hand.
_INTERVAL = 0.05


class Hand:
    """Holds luigid's names of tasks; its size follows the pace of the run.

    Args:
        give_back: gives tasks back to luigid, by luigid's names; called with the hand locked, so
            that luigid is not asked for work in between.
        push: sends luigid the calls that wait to be sent.
    """

    def __init__(self, give_back: Callable[[list[str]], None], push: Callable[[], None]) -> None:
        self._give_back = give_back
        self._push = push
        self._lock = threading.Lock()
        self._names: deque[str] = deque()
        self._size = 1
        self._given_at = float("-inf")
        self._upkeep: threading.Thread | None = None
        self._closed = threading.Event()

    def next_size(self) -> int:
        """Return how many tasks to ask luigid for."""
        lasted = max(time.monotonic() - self._given_at, 0.001)
        self._size = max(1, min(2 * self._size, int(self._size * _LASTS / lasted), _MOST))
        return self._size

    def put(self, names: list[str]) -> None:
        """Take what luigid has given beside the task that is begun now."""
        with self._lock:
            self._given_at = time.monotonic()
            self._names.extend(names)
        if names and self._upkeep is None:
            self._closed.clear()
            self._upkeep = threading.Thread(target=self._keep_up, name="hand", daemon=True)
            self._upkeep.start()

    def take(self) -> str | None:
        """Return the next task's name; None when there is none."""
        with self._lock:
            return self._names.popleft() if self._names else None

    def return_all(self) -> None:
        """Give everything back."""
        with self._lock:
            if self._names:
                self._give_back(list(self._names))
                self._names.clear()

    def close(self) -> None:
        """Give everything back; end what :meth:`put` has begun."""
        self.return_all()
        if self._upkeep is not None:
            self._closed.set()
            self._upkeep.join()
            self._upkeep = None

    def _keep_up(self) -> None:
        """Let nothing wait for the end of a task that takes long: calls to be sent, tasks to be done."""
        while not self._closed.wait(_INTERVAL):
            with fork_lock:
                if self._names and time.monotonic() - self._given_at > _KEPT_FOR:
                    self.return_all()
                self._push()
