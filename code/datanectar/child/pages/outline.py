"""The graph of a request before any run: what the task requires, found without running anything."""

from __future__ import annotations

import time
from collections import deque

import luigi

from datanectar import reasons
from datanectar.catalog.collector import APIChainCollector
from datanectar.errors import ChainError, DatanectarError
from datanectar.keys import set_run_time
from datanectar.messages.pages import MOST_TASKS, Outline, OutlineJob, OutlineTask
from datanectar.parameters.class_options import check_options
from datanectar.parameters.reading import make_task
from datanectar.runner import output
from datanectar.util.identity import key_of
from datanectar.util.task_params import public_params

#: Seconds after which no more tasks are looked for, and after which none is asked whether it is there.
_SECONDS, _COMPLETE_SECONDS = 5.0, 2.0


def outline(job: OutlineJob) -> Outline:
    """Return the tasks that a request would run, and which of them are there already.

    Raises:
        NotFound: when the chain or the task is not there.
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        ChainError: when the chain can't be imported, or a ``requires`` raises.
    """
    output.mute()
    set_run_time(job.run_time)
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    check_options(cls)
    begin = time.monotonic()
    tasks, cut = _walk(make_task(cls, job.raw), begin + _SECONDS)
    return Outline([_described(*pair, begin + _COMPLETE_SECONDS) for pair in tasks.values()], cut)


def _walk(
    root: luigi.Task, deadline: float
) -> tuple[dict[str, tuple[luigi.Task, list[luigi.Task]]], bool]:
    """Return the tasks below a root by id, each with what it requires, and whether there are more."""
    found: dict[str, tuple[luigi.Task, list[luigi.Task]]] = {}
    unread = deque([root])
    while unread:
        task = unread.popleft()
        if task.task_id in found:
            continue
        if len(found) == MOST_TASKS or time.monotonic() > deadline:
            return found, True
        found[task.task_id] = (task, required(task))
        unread.extend(found[task.task_id][1])
    return found, False


def required(task: luigi.Task) -> list[luigi.Task]:
    """Return what a task requires.

    Raises:
        ChainError: when its ``requires`` raises.
    """
    try:
        return list(task.deps())
    except Exception as problem:
        raise ChainError(
            f"requires() of {task.task_family} fails: {reasons.of_exception(problem)}"
        ) from problem


def _described(task: luigi.Task, required: list[luigi.Task], deadline: float) -> OutlineTask:
    return OutlineTask(
        task.task_id,
        task.task_family,
        public_params(task),
        [one.task_id for one in required],
        key_text(task),
        is_complete(task) if time.monotonic() < deadline else None,
    )


def key_text(task: luigi.Task) -> str | None:
    """Return a task's key; None when it has none."""
    try:
        return str(key_of(task))
    except DatanectarError:
        return None


def is_complete(task: luigi.Task) -> bool | None:
    """Return whether a task's result is there; None when its ``complete`` raises."""
    try:
        return bool(task.complete())
    except Exception:  # an author's complete(); the run reports it
        return None
