"""From a request to its task and key: what will run, under which key. Starts nothing."""

from __future__ import annotations

import contextlib
import math

import luigi

from datanectar.catalog.collector import APIChainCollector
from datanectar.child.isolation import instances_restored
from datanectar.errors import DatanectarError
from datanectar.keys import set_run_time
from datanectar.messages import Resolution, ResolveJob
from datanectar.parameters.class_options import check_options, class_option
from datanectar.parameters.reading import make_task, supplied_names
from datanectar.runner import output
from datanectar.util.identity import digest_source, key_of
from datanectar.util.inputs.external import refuse_other_files
from datanectar.util.result_addresses import has_nectar_output, result_addresses
from datanectar.util.task_params import public_params, text_params


def resolve(job: ResolveJob) -> Resolution:
    """Return the task of a request, its key, and whether the result is there.

    Raises:
        NotFound: when the chain or the task is not there.
        ChainError: when the chain can't be imported, or the task has an option that can't be used.
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        KeyUndefined: when the key can't be computed in full.
    """
    output.capture() if job.stays else output.mute()
    set_run_time(job.run_time)
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    check_options(cls)
    with instances_restored():  # what the run makes is to be its own
        return _resolution(cls, job)


def _resolution(cls: type[luigi.Task], job: ResolveJob) -> Resolution:
    task = make_task(cls, job.raw)
    supplied = supplied_names(cls, job.raw)
    refuse_other_files(task, supplied)
    addresses = result_addresses(task)
    return Resolution(
        key=str(key_of(task)),
        task_id=task.task_id,
        params=text_params(task),
        public_params=public_params(task),
        defaulted=sorted(set(task.get_param_names(include_significant=True)) - set(supplied)),
        source=digest_source(task),
        run_time=job.run_time,
        storage=addresses.storage,
        output=addresses.output,
        complete=_completeness(task),
        width=class_option(cls, "width", 1),
        run_timeout=_run_timeout(cls),
        given=supplied,
        results=addresses.results,
        upstream=_keys_below(task) if job.upstream else [],
    )


def _keys_below(root: luigi.Task) -> list[str]:
    """Return the keys of all that a task requires; not of external tasks, which can't be made again."""
    found: dict[str, luigi.Task] = {}
    unread = [root]
    while unread:
        for task in unread.pop().deps():
            if task.task_id not in found and task.run is not None:
                found[task.task_id] = task
                unread.append(task)
    keys: dict[str, None] = {}
    for task in found.values():
        with contextlib.suppress(DatanectarError):  # it has no key, so no result to drop
            keys[str(key_of(task))] = None
    return list(keys)


def _run_timeout(cls: type[luigi.Task]) -> float | None:
    seconds = class_option(cls, "run_timeout", None)
    return None if seconds is None or math.isinf(seconds) else float(seconds)


def _completeness(task: luigi.Task) -> bool | None:
    """Return whether the result is there; None when the storage can tell by looking for its file."""
    cls = type(task)
    if has_nectar_output(cls) and cls.complete is luigi.Task.complete:
        return None
    try:
        return bool(task.complete())
    except Exception:  # an author's complete(); the run reports it
        return False
