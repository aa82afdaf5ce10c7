"""How tasks ended, on its way to the run's worker."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from typing import Any

from datanectar.engines.base import Engine


class ResultQueue:
    """The queue of results of Luigi's worker (luigi/worker.py ``_task_result_queue``).

    What the worker's own process puts into it, where tasks run when they do so one at a time, does
    not go through a pipe and another thread.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._here: deque[Any] = deque()
        self._elsewhere: multiprocessing.Queue[Any] = multiprocessing.Queue()

    def put(self, result: Any) -> None:
        """Add a result."""
        if os.getpid() == self._pid:
            self._here.append(result)
        else:
            self._elsewhere.put(result)

    def get(self, timeout: float) -> Any:
        """Return the next result.

        Raises:
            queue.Empty: when there is none within so many seconds.
        """
        return self._here.popleft() if self._here else self._elsewhere.get(timeout=timeout)

    def empty(self) -> bool:
        """Tell whether no result waits."""
        return not self._here and self._elsewhere.empty()

    def close(self) -> None:
        """Close the pipe."""
        self._elsewhere.close()


class EngineQueue(ResultQueue):
    """The queue of results of a worker with an engine, whose news arrive here as well.

    Args:
        engine: takes its own news.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def put_news(self, task_id: str, news: Any) -> None:
        """Add news of a task; they wake :meth:`get` up, from whichever thread they come."""
        self._elsewhere.put((task_id, news))

    def get(self, timeout: float) -> Any:
        """Return the next result; see :meth:`ResultQueue.get`."""
        while True:
            item = super().get(timeout)
            result = item if len(item) > 2 else self._engine.take(*item)
            if result is not None:
                return result
