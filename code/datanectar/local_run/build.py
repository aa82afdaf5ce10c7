"""A run in this process, shared by ``run --here``, notebooks and tests.

Luigi's scheduler is in this process, and what tasks write is shown and goes to their logs. Keys,
files, logs, checks and the reasons of failures are those of the service. The run store knows nothing
of it, and ``run_timeout`` does not count.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import luigi

from datanectar import reasons
from datanectar.errors import DatanectarError
from datanectar.keys import LOG_FILE, RUN_TIME_VARIABLE, parse_key
from datanectar.local_run.progress import Progress
from datanectar.local_run.scheduler import InProcessScheduler
from datanectar.local_run.terminal_log import attempt_folder, has_begun
from datanectar.messages import Outcome, RunJob, TaskReport
from datanectar.parameters.class_options import check_options
from datanectar.rpc.run_tasks import RunTasks
from datanectar.rpc.scheduler import RunScheduler
from datanectar.runner import verdict
from datanectar.runner.build import build_until_ended
from datanectar.settings import current
from datanectar.statuses import DONE, RUNNING
from datanectar.storage.earlier import keep_earlier
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.identity import chain_of, key_of
from datanectar.util.tasklog import is_recording, storage_of

#: What wraps the execution of each task (Luigi's ``[worker] task_process_context``).
_CONTEXT = "datanectar.local_run.terminal_log.TerminalLog"


@dataclass(frozen=True)
class LocalRun:
    """How a run in this process ended, what it knows of its tasks, and the ids of those that ran."""

    key: str
    outcome: Outcome
    tasks: RunTasks
    ran: list[str]

    @property
    def failed_key(self) -> str:
        """The key of the task that failed; the run's own where that has none."""
        return self.outcome.failed_key or self.key


def build(root: luigi.Task, write: Callable[[str], None], **worker_options: Any) -> LocalRun:
    """Run a task and all that it requires, unless its result is there.

    The caller has set the run's time (:func:`datanectar.keys.set_run_time`) and Luigi up
    (:mod:`datanectar.runner.luigi_setup`).

    Args:
        root: the task.
        write: prints a line of progress, or the traceback of what failed outside of the tasks.
        worker_options: options of :class:`~datanectar.runner.luigi_worker.RunWorker`.

    Raises:
        DatanectarError: when it can't be begun: an option of the class can't be used, the task has
            no key, or the store can't be used.
        KeyboardInterrupt: what was being made is dropped; processes of tasks may be left.
    """
    check_options(type(root))
    job = _job(root)
    storage_named(default_name(current())).prepare()
    if root.complete():
        return LocalRun(job.key, Outcome(DONE), RunTasks({root.task_id: root}), [])
    ran: dict[str, None] = {}
    progress = Progress(write, log_address, job.key)

    def report(message: Any) -> None:
        if isinstance(message, TaskReport) and message.status == RUNNING:
            ran[message.task_id] = None
        progress(message)

    scheduler = RunScheduler(current().luigid_url, report, current().retry_delay, root.task_id)
    scheduler._fetcher = InProcessScheduler()  # type: ignore[assignment]
    with _luigi_quiet_between_tasks(), attempt_folder():
        outcome = _outcome(root, job, scheduler, worker_options)
        if outcome.status != DONE:
            _explain(root, job, outcome, write)
    return LocalRun(job.key, outcome, scheduler.tasks, list(ran))


def _job(root: luigi.Task) -> RunJob:
    type, chain = chain_of(root.__class__)
    run_id, moment = secrets.token_hex(13), os.environ[RUN_TIME_VARIABLE]
    name, key = root.__class__.__name__, str(key_of(root))
    width = 1  # nobody is there to assist it
    return RunJob(run_id, 1, type, chain, name, {}, moment, key, attempt_dir="", width=width)


def _outcome(root: luigi.Task, job: RunJob, scheduler: RunScheduler, options: Any) -> Outcome:
    try:
        return build_until_ended(root, job, scheduler, task_process_context=_CONTEXT, **options)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # authors' code: SystemExit too
        reasons.forget_environment(problem)
        text = "".join(traceback.format_exception(problem))
        return verdict.failure(job.key, reasons.of_exception(problem), text)


@contextlib.contextmanager
def _luigi_quiet_between_tasks() -> Any:
    """Do not show what Luigi logs between tasks: the lines of progress say it."""
    logger = logging.getLogger("luigi-interface")
    quiet = _of_tasks_only
    logger.addFilter(quiet)
    try:
        yield
    finally:
        logger.removeFilter(quiet)


def _of_tasks_only(record: logging.LogRecord) -> bool:
    return is_recording()


def _explain(root: luigi.Task, job: RunJob, outcome: Outcome, write: Callable[[str], None]) -> None:
    """Show why the run failed, where no task has, and keep it as the log of a root that never ran."""
    if not has_begun(outcome.failed_key or job.key) and outcome.traceback:
        write(outcome.traceback)
    if has_begun(job.key):
        return
    text = "\n".join(part for part in (outcome.traceback, outcome.error) if part)
    with contextlib.suppress(DatanectarError, OSError):
        storage, key = storage_of(root), key_of(root)
        keep_earlier(storage, key, LOG_FILE)
        storage.put_bytes(key, LOG_FILE, f"{text}\n".encode(errors="backslashreplace"))


def log_address(key: str) -> str:
    """Return where the log of a key is: a path, or an ``s3://`` URL."""
    return storage_named(default_name(current())).address(parse_key(key), LOG_FILE)
