"""The graph of a request, or of runs to come: what a task requires, found without running anything."""

from __future__ import annotations

import time
from collections import deque

import luigi

from datanectar import reasons
from datanectar.catalog.collector import APIChainCollector
from datanectar.errors import ChainError, DatanectarError
from datanectar.keys import set_run_time
from datanectar.messages.pages import MOST_TASKS, Outline, OutlineJob, OutlineTask
from datanectar.messages.plans import Needs, NeedsJob
from datanectar.parameters.class_options import check_options
from datanectar.parameters.reading import make_task
from datanectar.runner import output
from datanectar.util.identity import key_of
from datanectar.util.task_params import public_params, remake

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


def needs(job: NeedsJob) -> Needs:
    """Return the keys that runs of the job's tasks would ask for, as Luigi does.

    Luigi looks no further than what is there: a task whose result is there needs nothing. A task that
    has no key has nothing to keep.

    Raises:
        NotFound: when the chain or a task is not there.
        ChainError: when the chain can't be imported, or a ``requires`` raises.
    """
    output.mute()
    set_run_time(job.run_time)
    found: dict[str, str | None] = {}
    unread: deque[luigi.Task] = deque()
    for name, params, given in job.roots:
        cls = APIChainCollector().task_class(job.type, job.chain, name)
        unread.append(make_task(cls, params) if given is None else remake(cls, params, given))
    while unread:
        task = unread.popleft()
        if task.task_id not in found:
            found[task.task_id] = _key_of(task)
            if not _is_complete(task):
                unread.extend(_required(task))
    return Needs(sorted({key for key in found.values() if key}))


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
        found[task.task_id] = (task, _required(task))
        unread.extend(found[task.task_id][1])
    return found, False


def _required(task: luigi.Task) -> list[luigi.Task]:
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
        _key_of(task),
        _is_complete(task) if time.monotonic() < deadline else None,
    )


def _key_of(task: luigi.Task) -> str | None:
    try:
        return str(key_of(task))
    except DatanectarError:
        return None


def _is_complete(task: luigi.Task) -> bool | None:
    try:
        return bool(task.complete())
    except Exception:  # an author's complete(); the run reports it
        return None
