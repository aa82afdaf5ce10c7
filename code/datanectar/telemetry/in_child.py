"""What a run's process has to do so that its log lines and spans belong to the run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from datanectar.telemetry import logs
from datanectar.telemetry.context import bind, log_context
from datanectar.telemetry.traceparent import VARIABLE, of_task


def join_run(form: str, traceparent: str | None, **fields: object) -> None:
    """Have all that this process logs and traces belong to a run; call it before the run begins.

    Args:
        form: the format of the service's log.
        traceparent: the attempt's.
        fields: what its log lines have.
    """
    logs.set_up_child(form)
    bind(**fields)
    _set_variable(traceparent)


@contextlib.contextmanager
def task_named(path: str, task_id: str) -> Iterator[None]:
    """Have log lines and spans of the block, and of programs started in it, belong to a task.

    Args:
        path: the task's type, chain and name.
        task_id: Luigi's id of it.
    """
    attempt = os.environ.get(VARIABLE)
    _set_variable(of_task(attempt, task_id))
    try:
        with log_context(task=path, task_id=task_id):
            yield
    finally:
        _set_variable(attempt)


def _set_variable(traceparent: str | None) -> None:
    if traceparent is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = traceparent
