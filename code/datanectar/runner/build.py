"""Runs a root task and all it requires against luigid, and returns how that ended.

How a run ended is decided by ``root.complete()`` and by what the worker sent to luigid, never by
Luigi's own result, which is success also when another worker had the root
(luigi/execution_summary.py ``_tasks_status``).
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import luigi

from datanectar import reasons
from datanectar.catalog.collector import APIChainCollector
from datanectar.engines.dask.engine import DaskEngine
from datanectar.engines.dask.messages import TaskRef
from datanectar.engines.dask.relay import texts_of
from datanectar.engines.messages import AttemptLost
from datanectar.errors import DatanectarError, EngineLost, SchedulerError
from datanectar.keys import parse_key, set_run_time
from datanectar.limits.applied import set_oom_score
from datanectar.luigid.names import worker_id
from datanectar.messages import Outcome, RunJob, TaskReport
from datanectar.parameters.class_options import class_option
from datanectar.rpc.scheduler import PING_INTERVAL, RunScheduler
from datanectar.runner import task_log, verdict
from datanectar.runner.luigi_setup import configure_luigi, task_class
from datanectar.runner.luigi_worker import RunWorker
from datanectar.runner.stopping import TaskStopped, end_when_asked
from datanectar.settings import current
from datanectar.statuses import DONE, FAILED
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.completeness import INDEX
from datanectar.util.identity import key_of
from datanectar.util.inputs.run_memory import kept_for_the_run
from datanectar.util.task_params import remake
from datanectar.util.tasklog import storage_name

Send = Callable[[Any], None]

#: Seconds between two builds while another worker has the root: the first time, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0


@kept_for_the_run()
def run(job: RunJob, send: Send) -> Outcome | AttemptLost:
    """Do the job in this process.

    Args:
        job: what to run.
        send: takes reports for the parent.

    Returns:
        How the run ended; authors' errors do not get out of here.
    """
    set_run_time(job.run_time)
    task_log.begin_run_log(Path(job.attempt_dir))
    end_when_asked()
    set_oom_score(current().oom_score_adj)
    configure_luigi()
    # This process may have resolved the request; results may have come or gone since.
    INDEX.clear(good_for=math.inf)
    root = None
    try:
        root = _make_root(job)
        if job.assistant:
            # It takes tasks of a wide run while luigid has some; the run itself sees how they end.
            with _engine(root, job, send) as engine:
                _build(root, job, _scheduler(send, None), engine=engine)
            outcome = Outcome(DONE)
        else:
            scheduler = _scheduler(send, root.task_id)
            with _engine(root, job, send) as engine:
                outcome = build_until_ended(root, job, scheduler, engine=engine)
    except EngineLost as problem:
        return AttemptLost(problem.message)
    except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
        reasons.forget_environment(problem)
        traceback.print_exc()
        outcome = verdict.failure(job.key, reasons.of_exception(problem), traceback.format_exc())
        if isinstance(problem, TaskStopped):  # the worker knows why, and writes it into the log
            return outcome
    if not job.assistant:  # the log of the key is the root's, which may run elsewhere
        _end_log(root, job, outcome, send)
    return outcome


def _end_log(root: luigi.Task | None, job: RunJob, outcome: Outcome, send: Send) -> None:
    if outcome.status == FAILED:
        _keep_run_log(root, job, send)
    if root is not None:
        task_log.redirect_to_log(root)


def _make_root(job: RunJob) -> luigi.Task:
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    root = remake(cls, job.params, job.given)
    if str(key_of(root)) != job.key:
        raise DatanectarError(
            f"The chain has changed since this run was accepted: its key would now be "
            f"{key_of(root)}. POST it again."
        )
    return root


@kept_for_the_run()
def build_until_ended(
    root: luigi.Task, job: RunJob, scheduler: RunScheduler, **worker_options: Any
) -> Outcome:
    """Build until the root is done or a task has failed.

    Args:
        root: the run's task.
        job: the run.
        scheduler: the client of its scheduler.
        worker_options: options of :class:`~datanectar.runner.luigi_worker.RunWorker` that differ from
            those of a run of the service.
    """
    wait = 0.0
    # In a wide run a task may fail in another worker. What luigid then holds against it must be of
    # this run, so what earlier runs left is dropped at once.
    scheduler.reset_tasks = job.width > 1
    while True:
        _build(root, job, scheduler, **worker_options)
        if job.width > 1 and scheduler.tasks.statuses.get(root.task_id) != DONE:
            scheduler.merge_luigids_statuses(root.task_id)
        if verdict.root_is_done(root, scheduler.tasks):
            return Outcome(DONE)
        failed = verdict.first_failure(scheduler.tasks, job.key)
        if failed is not None:
            _log_end(scheduler.tasks.statuses, failed)
            return failed
        # Nothing failed, and the root is not done: another worker has it or what it requires, luigid
        # was restarted and forgot the chain, or luigid counts failures of an earlier run.
        if scheduler.has_forgotten(root.task_id):
            time.sleep(PING_INTERVAL + 1)  # until all workers have reported to luigid again
        scheduler.reset_tasks = True
        time.sleep(wait)
        wait = min(_LONGEST_WAIT, wait * 2 or _FIRST_WAIT)


def _log_end(statuses: dict[str, str], failed: Outcome) -> None:
    counts = Counter(statuses.values())
    ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    logger = logging.getLogger("luigi-interface")
    logger.info(f"The run ends with {len(statuses)} tasks: {ended}.")
    logger.error("%s: %s", failed.failed_key, failed.error)


def _scheduler(send: Send, root: str | None) -> RunScheduler:
    settings = current()
    return RunScheduler(settings.luigid_url, send, settings.retry_delay, root, settings.state)


@contextlib.contextmanager
def _engine(root: luigi.Task, job: RunJob, send: Send) -> Iterator[DaskEngine]:
    """Give the engine for tasks that ask for Dask; it connects when the first one does."""

    def make(ref: TaskRef) -> luigi.Task:
        return task_class(ref.module, ref.family).from_str_params(texts_of(ref))

    with contextlib.closing(DaskEngine(job, root.task_id, send, make)) as engine:
        yield engine


def _build(root: luigi.Task, job: RunJob, scheduler: RunScheduler, **worker_options: Any) -> None:
    """Do what ``luigi.build`` does, without its result, its summary and its command line."""
    name = worker_id(job.run_id, job.assistant)
    options = {"worker_processes": class_option(type(root), "workers", 1), **worker_options}
    worker = RunWorker(scheduler=scheduler, worker_id=name, **options)
    try:
        with worker:
            worker.add(root)
            if job.width == 1:  # otherwise other workers are to get some of the tasks
                scheduler.open_hand(name)
            worker.run()
    finally:
        with contextlib.suppress(SchedulerError):  # the run has ended by one, or has its outcome
            scheduler.end_running_tasks(name)
        scheduler.close()


def _keep_run_log(root: luigi.Task | None, job: RunJob, send: Send) -> None:
    """Make the run log the root's log, and report its number, if the root has no log."""
    try:
        cls = APIChainCollector().task_class(job.type, job.chain, job.task)
        name = storage_name(cls)
    except DatanectarError:
        name = default_name(current())
    number = task_log.keep_run_log(storage_named(name), parse_key(job.key), Path(job.attempt_dir))
    if root is not None and number is not None:
        send(TaskReport(root.task_id, log_number=number))
