"""The keys of a task, and of all that it requires, for many values of one parameter. Runs nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import luigi

from datanectar.catalog.collector import APIChainCollector
from datanectar.child.pages.columns import chosen_parameter, columns
from datanectar.child.pages.outline import is_complete, key_text, required
from datanectar.errors import BadRequest, ChainError, DatanectarError
from datanectar.keys import set_run_time
from datanectar.messages.pages import MOST_CELLS, Grid, GridJob, GridTask
from datanectar.parameters.class_options import check_options
from datanectar.parameters.reading import make_task
from datanectar.runner import output
from datanectar.util.task_params import public_params

#: Seconds after which no more tasks are looked for, and after which none is asked whether it is there.
_SECONDS, _COMPLETE_SECONDS = 5.0, 4.0


@dataclass
class _Found:
    """A task, and the columns that it belongs to."""

    task: luigi.Task
    columns: set[int] = field(default_factory=set)


def grid(job: GridJob) -> Grid:
    """Return the keys of a grid.

    Raises:
        NotFound: when the chain or the task is not there.
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        ChainError: when the chain can't be imported.
    """
    output.mute()
    set_run_time(job.run_time)
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    check_options(cls)
    name, item = chosen_parameter(cls, job.over)
    texts, is_range = columns(cls, name, item, job)
    roots = _roots(cls, {**_needed(cls, job), **job.raw}, name, texts)
    found, cut = _walk(list(roots.values()), name, list(roots))
    looked, deadline = time.time(), time.monotonic() + _COMPLETE_SECONDS
    tasks = [_described(one, time.monotonic() < deadline) for one in found.values()]
    first = next(iter(roots.values()), None)
    fixed = public_params(first) if first else {}
    fixed.pop(name, None)
    return Grid(name, list(roots), fixed, tasks, looked, is_range, cut)


def _needed(cls: type[luigi.Task], job: GridJob) -> dict[str, str]:
    """Return values for the parameters without a default: those of the last run."""
    last = job.ran[0] if job.ran else {}
    family = cls.get_task_family()
    return {
        name: last[name]
        for name, item in cls.get_params()
        if name in last and not item.has_task_value(family, name)
    }


def _roots(
    cls: type[luigi.Task], raw: Mapping[str, Any], name: str, texts: list[str]
) -> dict[str, luigi.Task]:
    """Return the tasks by the text of their column; a value that the author's class refuses has none."""
    roots: dict[str, luigi.Task] = {}
    refused: DatanectarError | None = None
    for text in texts:
        try:
            roots[text] = make_task(cls, {**raw, name: text})
        except (BadRequest, ChainError) as problem:
            refused = problem
    if refused is not None and not roots:
        raise refused
    return roots


def _walk(roots: list[luigi.Task], name: str, texts: list[str]) -> tuple[dict[str, _Found], bool]:
    """Return the tasks by id, the roots first, and whether what they require is too much to show.

    A task that has the parameter as well belongs to the column of its own value, and none that has
    another value is followed; one without it belongs to the columns of those that require it.
    """
    numbers = {text: number for number, text in enumerate(texts)}
    found = {root.task_id: _Found(root, {number}) for number, root in enumerate(roots)}
    own, deadline, steps = dict(found), time.monotonic() + _SECONDS, 0
    unread = deque(enumerate(roots))
    followed = {(number, root.task_id) for number, root in enumerate(roots)}
    while unread:
        number, task = unread.popleft()
        for below in _required(task):
            column = _column(below, name, numbers, number)
            if column is None or (column, below.task_id) in followed:
                continue
            followed.add((column, below.task_id))
            found.setdefault(below.task_id, _Found(below)).columns.add(column)
            unread.append((column, below))
        steps += 1
        if len(followed) > MOST_CELLS or steps > MOST_CELLS or time.monotonic() > deadline:
            return own, True
    return found, False


def _column(task: luigi.Task, name: str, numbers: Mapping[str, int], default: int) -> int | None:
    values = public_params(task)
    return numbers.get(values[name]) if name in values else default


def _required(task: luigi.Task) -> list[luigi.Task]:
    try:
        return required(task)
    except ChainError:  # for some values only, maybe; its run reports it
        return []


def _described(found: _Found, is_asked: bool) -> GridTask:
    task, key = found.task, key_text(found.task)
    there = is_complete(task) if is_asked else None
    # Without a run two chains' tasks of one name are one family to Luigi; their keys differ.
    family = ".".join(key.split("/")[1:4]) if key else task.task_family
    return GridTask(family, public_params(task), sorted(found.columns), key, there)
