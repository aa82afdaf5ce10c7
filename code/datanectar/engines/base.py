"""The contract of an engine: it takes a task, says how it ended, and cancels it.

Luigi's worker plans: it asks luigid for a task and gives it to the task's engine. What the engine
returns stands where Luigi has a ``TaskProcess`` (luigi/worker.py), so Luigi's own processes are an
engine as they are: :class:`~datanectar.runner.task_process.RunTaskProcess`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import luigi
from luigi.worker import _is_external

from datanectar.parameters.class_options import class_option
from datanectar.settings import current


class Execution(Protocol):
    """One task that runs in an engine.

    Its end is put into the worker's queue, as ``(task id, status, explanation, missing, new
    requirements)`` (luigi/worker.py ``TaskProcess.run``).
    """

    task: luigi.Task
    #: Whether the worker has reported that this ended without a result.
    end_reported: bool
    #: Whether it runs beside the worker's own process.
    use_multiprocessing: bool

    def start(self) -> None:
        """Submit the task."""

    def reason_of_end(self, *, all_results_read: bool) -> str | None:
        """Return why the task leaves no result, or None when one may still come."""

    def is_alive(self) -> bool:
        """Tell whether the task has not ended."""

    def terminate(self) -> None:
        """Cancel the task."""


class Engine(Protocol):
    """Runs tasks somewhere else than in processes of the run's host."""

    def open(self, put: Callable[[str, Any], None], scheduler: Any) -> None:
        """Begin to serve a worker.

        Args:
            put: takes news of a task, for :meth:`take` in the worker's thread.
            scheduler: the worker's client of luigid, which hears what tasks say of themselves.
        """

    def execution(self, task: luigi.Task) -> Execution:
        """Return the execution of a task; not started."""

    def take(self, task_id: str, news: Any) -> tuple[Any, ...] | None:
        """Take news of a task that the engine has put into the queue; return its end, if it is that."""

    def running(self) -> int:
        """Return how many tasks have been started and have not ended."""

    def check(self) -> None:
        """Look at what goes on.

        Raises:
            EngineLost: when the tasks that ran are lost.
        """

    def close(self) -> None:
        """End what still runs, and the connection."""


def is_for(engine: str, task: luigi.Task) -> bool:
    """Tell whether an engine, given by its name, is to run a task.

    A task without a ``run`` only looks, and one that accepts messages of Luigi's page has to be near.
    """
    wanted = class_option(type(task), "engine", None) or current().engine
    return bool(wanted == engine and not _is_external(task) and not task.accepts_messages)
