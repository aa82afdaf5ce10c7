"""One task of a run that is planned elsewhere: it runs in this child of a Dask worker."""

from __future__ import annotations

import contextlib
import math
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import luigi
from luigi.worker import TaskStatusReporter
from luigi.worker import worker as luigi_worker_options

from datanectar.attempt_files import attempt_log, begun_marker
from datanectar.catalog.collector import APIChainCollector
from datanectar.cluster import connection
from datanectar.engines.dask.messages import TaskEnd, TaskJob
from datanectar.engines.dask.relay import RelayingScheduler, ref_of
from datanectar.errors import ChainError, DatanectarError
from datanectar.keys import LOG_FILE, set_run_time
from datanectar.limits.applied import set_oom_score
from datanectar.runner import task_log
from datanectar.runner.luigi_setup import configure_luigi, task_class
from datanectar.runner.task_process import RunTaskProcess
from datanectar.settings import current
from datanectar.storage.registry import name_of
from datanectar.util.completeness import INDEX
from datanectar.util.identity import key_of
from datanectar.util.task_params import remake
from datanectar.util.tasklog import storage_of

Send = Callable[[Any], None]


def run_task(job: TaskJob, send: Send) -> TaskEnd:
    """Do the job in this process; return how the task ended.

    Args:
        job: the task.
        send: takes what the task says while it runs.

    Raises:
        DatanectarError: when the task can't be made here.
    """
    set_run_time(job.run_time)
    task_log.begin_run_log(Path(job.attempt_dir))
    set_oom_score(current().oom_score_adj)
    configure_luigi()
    INDEX.clear(good_for=math.inf)
    task = _make(job)
    if job.continues:
        _fetch_log(task, Path(job.attempt_dir))
    scheduler = RelayingScheduler(send)
    connection.before_use[:] = [scheduler.secede]
    return _run(task, job, scheduler)


def _run(task: luigi.Task, job: TaskJob, scheduler: RelayingScheduler) -> TaskEnd:
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    options = luigi_worker_options()
    process = RunTaskProcess(
        "datanectar.runner.task_log.TaskLog",
        task,
        job.run_id,
        results,
        TaskStatusReporter(scheduler, task.task_id, job.run_id, None),
        check_unfulfilled_deps=options.check_unfulfilled_deps,
        check_complete_on_run=True,
    )
    process.run()
    _, status, explanation, missing, new_deps = results.get()
    text = None if explanation is None else str(explanation)
    return TaskEnd(status, text, list(missing), [ref_of(*each) for each in new_deps or ()])


def _make(job: TaskJob) -> luigi.Task:
    APIChainCollector().import_chain(job.type, job.chain)
    task = remake(task_class(job.module, job.family), job.params, None)
    if task.task_id != job.task_id:
        raise ChainError(
            f"{job.task_id} can't be made again on another machine: there it is {task.task_id}. "
            "Give it parameters whose values can be read from their texts, or engine = 'processes'."
        )
    return task


def _fetch_log(task: luigi.Task, attempt_dir: Path) -> None:
    """Have the task go on with its log, which it may have begun on another host."""
    with contextlib.suppress(DatanectarError, OSError):
        storage, key = storage_of(task), key_of(task)
        begun_marker(attempt_dir, key).touch(0o600)
        if storage.local_path(key, LOG_FILE) is None:
            file = attempt_log(attempt_dir, key, name_of(storage.store_address))
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as copy:
                copy.writelines(storage.read_chunks(key, LOG_FILE))
