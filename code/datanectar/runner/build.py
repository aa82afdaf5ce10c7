"""Runs a root task and all it requires against luigid, and tells how that ended.

How a run ended is decided by ``root.complete()`` and by what the worker told luigid, never by
Luigi's own verdict, which is success also when another worker had the root
(luigi/execution_summary.py ``_tasks_status``).
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import multiprocessing
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import luigi
from luigi.task_register import Register
from luigi.worker import TaskProcess, Worker, _get_retry_policy_dict

from datanectar import reasons
from datanectar.catalog import chain_environment as place
from datanectar.catalog.collector import APIChainCollector
from datanectar.errors import ChainError, DatanectarError, SchedulerError
from datanectar.keys import parse_key, set_run_time
from datanectar.luigid.names import worker_id
from datanectar.messages import Outcome, RunJob, TaskReport
from datanectar.parameters.visibility import task_in_words
from datanectar.rpc.resources import problem_of
from datanectar.rpc.scheduler import PING_INTERVAL, RunScheduler
from datanectar.runner import task_log as log
from datanectar.runner import verdict
from datanectar.settings import current
from datanectar.statuses import DONE, FAILED, RUNNING
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.completeness import INDEX
from datanectar.util.identity import class_option, key_of
from datanectar.util.task_params import remake

Send = Callable[[Any], None]

#: Seconds that a task out of time gets to end by itself once it is told to.
_TERM_GRACE = 5.0
#: Seconds between builds while the root is in another worker's hands: first, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0


def run(job: RunJob, send: Send) -> Outcome:
    """Do the job in this process; reports go to ``send``, the end is returned."""
    set_run_time(job.run_time)
    attempt_dir = Path(job.attempt_dir)
    log.begin_run_log(attempt_dir)
    _configure_luigi()
    # Of what a child has seen that resolved the request: it may have changed.
    INDEX.clear(good_for=math.inf)
    root = None
    try:
        root = _make_root(job)
        outcome = _build_until_ended(root, job, send)
    except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
        reasons.forget_environment(problem)
        traceback.print_exc()
        outcome = _failure(job.key, reasons.of_exception(problem), traceback.format_exc())
    if outcome.status == FAILED:
        # The log of the key is the root's, which may still run where this one only assists.
        number = None if job.assistant else _keep_reason(job, attempt_dir)
        if root is not None and number is not None:
            send(TaskReport(root.task_id, log_number=number))
    if root is not None and not job.assistant:
        log.speak_for(root)
    return outcome


def _make_root(job: RunJob) -> luigi.Task:
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    root = remake(cls, job.params, job.given)
    if str(key_of(root)) != job.key:
        raise DatanectarError(
            f"The chain has changed since this run was accepted: its key would now be "
            f"{key_of(root)}. POST it again."
        )
    return root


def _build_until_ended(root: luigi.Task, job: RunJob, send: Send) -> Outcome:
    if job.assistant:
        return _assist(root, job, send)
    wait = 0.0
    scheduler = _scheduler(send, root.task_id)
    # A wide run's failures may happen in workers that assist it: verdicts against its tasks must
    # be its own, so those of earlier runs are overruled from the start.
    scheduler.insist = job.width > 1
    while True:
        _build(root, job, scheduler)
        if job.width > 1 and scheduler.statuses.get(root.task_id) != DONE:
            scheduler.learn_from_others(root.task_id)
        if scheduler.statuses.get(root.task_id) != FAILED and _is_done(root, scheduler):
            return Outcome(DONE)
        failed = _first_failure(job, scheduler)
        if failed is not None:
            logger = logging.getLogger("luigi-interface")
            logger.info(_account(scheduler.statuses))
            logger.error("%s: %s", failed.failed_key, failed.error)
            return failed
        # Nothing failed, and the root is not there: another worker has it or what it needs, luigid
        # was restarted and forgot the chain, or it holds a verdict of an earlier run against it.
        if scheduler.is_forgotten(root.task_id):
            time.sleep(PING_INTERVAL + 1)  # until all who run a task have told luigid anew
        scheduler.insist = True
        time.sleep(wait)
        wait = min(_LONGEST_WAIT, wait * 2 or _FIRST_WAIT)


def _is_done(root: luigi.Task, scheduler: RunScheduler) -> bool:
    """Tell whether the root's result is there, or it ran in this run and keeps none."""
    if root.complete():
        return True
    return scheduler.statuses.get(root.task_id) == DONE and verdict.keeps_nothing(root)


def _account(statuses: dict[str, str]) -> str:
    """Return how the tasks of a run ended, in a line."""
    counts = Counter(statuses.values())
    ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return f"The run ends with {len(statuses)} tasks: {ended}."


def _assist(root: luigi.Task, job: RunJob, send: Send) -> Outcome:
    """Take tasks of a wide run as long as luigid has some; what comes of them is luigid's to tell."""
    _build(root, job, _scheduler(send, None))
    return Outcome(DONE)


def _scheduler(send: Send, root: str | None) -> RunScheduler:
    settings = current()
    return RunScheduler(settings.luigid_url, send, settings.retry_delay, root, settings.state)


def _build(root: luigi.Task, job: RunJob, scheduler: RunScheduler) -> None:
    """Do what ``luigi.build`` does, less what nobody asked for: its verdict and its summary.

    They, and the configuration that it reads for a command line, are a tenth of a short run.
    """
    worker = _RunWorker(
        scheduler=scheduler,
        worker_id=worker_id(job.run_id, job.assistant),
        worker_processes=class_option(type(root), "workers", 1),
        **_worker_options(*_section("core"), *_section("worker")),
    )
    try:
        with worker:
            worker.add(root)
            worker.run()
    finally:
        _close_books(scheduler, worker_id(job.run_id, job.assistant))
        scheduler.close()


def _section(name: str) -> list[tuple[str, str]]:
    """Return what a section of Luigi's configuration says now: a chain may have set something."""
    config = luigi.configuration.get_config()
    return list(config.items(name, raw=True)) if config.has_section(name) else []


@lru_cache(maxsize=1)
def _worker_options(*section: tuple[str, str]) -> dict[str, Any]:
    """Return every option of Luigi's worker, as its configuration has them where they are not ours.

    Left to itself, Luigi looks each up in the configuration, twice and under two names, for each
    worker (luigi/parameter.py ``_get_value_from_config``).
    """
    return {
        **luigi.worker.worker().param_kwargs,
        "keep_alive": True,
        # ``RunScheduler.get_work`` ends a worker by the one count that neither of these looks at.
        "count_uniques": False,
        "count_last_scheduled": False,
        "wait_interval": 0.1,
        "wait_jitter": 0.0,
        "ping_interval": PING_INTERVAL,
        "check_complete_on_run": True,  # in the sense of ``verdict.is_done``
        "send_failure_email": False,
        "task_process_context": "datanectar.runner.task_log.TaskLog",
    }


class _RunWorker(Worker):
    """Luigi's worker, with more to say about task processes that end badly, and a firmer hand.

    Luigi's own waits for ever for one that ends with code 0 and reports nothing, and for one that
    is out of time and ignores SIGTERM.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._accounted: set[TaskProcess] = set()

    def add(self, task: luigi.Task, *args: Any, **options: Any) -> Any:
        """Check and schedule a task and all it requires (luigi/worker.py ``Worker.add``)."""
        if isinstance(task, luigi.Task):
            self._scheduler.names.learn(task)
        return super().add(task, *args, **options)

    def _add(self, task: luigi.Task, is_complete: Any) -> Iterator[luigi.Task]:
        problem = _problem_of(task)
        if problem is not None:
            self._refuse(task, is_complete, problem)
            return
        for dependency in super()._add(task, is_complete):
            self._scheduler.names.learn(dependency)
            yield dependency

    def _refuse(self, task: luigi.Task, is_complete: Any, problem: str) -> None:
        """Schedule a task of which luigid can't be told: it is there all the same, or has failed."""
        self._scheduled_tasks[task.task_id] = task
        if is_complete is not True:
            self.add_succeeded = False
            task.trigger_event(luigi.Event.BROKEN_TASK, task, ChainError(problem))
        status = DONE if is_complete is True else FAILED
        self._scheduler.refuse_task(self._id, task, status, f"{task}: {problem}")

    def _add_task_batcher(self, task: luigi.Task) -> None:
        self._scheduler.names.learn(task)  # the last of its family, should two chains have one
        super()._add_task_batcher(task)

    def _add_task(self, *args: Any, **call: Any) -> None:
        task = self._scheduled_tasks.get(call["task_id"])
        if task is not None:
            self._scheduler.tasks[call["task_id"]] = task
        super()._add_task(*args, **call)

    def _create_task_process(self, task: luigi.Task) -> TaskProcess:
        """Have the process judge, explain and tell as a run does (worker.py ``TaskProcess``)."""
        process = super()._create_task_process(task)
        found = partial(self._tell_found, task, process.check_complete)
        process.check_complete = partial(_check, process, found)
        process._handle_run_exception = partial(_explain, process._handle_run_exception)
        return process

    def _tell_found(
        self, task: luigi.Task, check_complete: Callable[[luigi.Task], bool], other: luigi.Task
    ) -> bool:
        """Tell of what a task asked for on its way and found there."""
        is_complete = bool(check_complete(other))
        if is_complete and other.task_id != task.task_id:
            self._scheduler.tell_found(task.task_id, other)
        return is_complete

    def _get_work_task_id(self, answer: dict[str, Any]) -> str | None:
        """Return the id of the task to run, which is one that was scheduled here or a batch of them.

        Luigi makes the task of a batch from the names and texts in luigid's answer.
        """
        task_id: str | None = answer["task_id"]
        if task_id is None and "batch_id" in answer:
            task = self._scheduler.batch_task(answer["batch_task_ids"])
            task_id = str(task.task_id)
            self._scheduler.add_task(
                worker=self._id,
                task_id=task_id,
                module=task.task_module,
                family=task.task_family,
                params=task.to_str_params(),
                status=RUNNING,
                batch_id=answer["batch_id"],
            )
        if task_id is not None:
            self._scheduled_tasks.setdefault(task_id, self._scheduler.tasks[task_id])
        return task_id

    def _purge_children(self) -> None:
        """Report what can't report itself; called by Luigi before each look at the results."""
        for task_id, process in self._running_tasks.items():
            if process.use_multiprocessing and process not in self._accounted:
                reason = self._bad_end(process)
                if reason:
                    self._accounted.add(process)
                    log.append_reason(process.task, reason)
                    self._task_result_queue.put((task_id, FAILED, reason, [], []))

    def _bad_end(self, process: TaskProcess) -> str | None:
        task_id = process.task.task_id
        if process.exitcode:
            reason = f"Task {task_id} died unexpectedly ({_end_in_words(process.exitcode)})."
            process.task.trigger_event(luigi.Event.PROCESS_FAILURE, process.task, reason)
            return reason
        if process.exitcode == 0:
            # What has ended has sent its result: it may lie behind others', and one is read a round.
            if self._task_result_queue.empty():
                return f"Task {task_id} ended its process (exit code 0) and left no result."
        elif process.timeout_time is not None and time.time() > process.timeout_time:
            _stop(process)
            limit = f"{process.worker_timeout:g}"
            reason = f"Task {task_id} timed out after {limit} seconds and was terminated."
            process.task.trigger_event(luigi.Event.TIMEOUT, process.task, reason)
            return reason
        return None


def _check(process: TaskProcess, complete: Callable[[luigi.Task], bool], task: luigi.Task) -> bool:
    """Tell whether a task is complete or, of the process's own once it ran, whether it is done."""
    if task is not process.task or luigi.worker._is_external(task):
        return complete(task)
    return verdict.is_done(task)


def _explain(handle: Callable[[BaseException], Any], problem: BaseException) -> str:
    """Have Luigi tell of a failure, log and handlers included; return why, whatever they make of it."""
    reasons.forget_environment(problem)
    try:
        words = handle(problem)
    except Exception:  # an author's on_failure()
        logging.getLogger("luigi-interface").exception("on_failure() failed in its turn:")
        words = None
    return reasons.explanation(words, problem)


def _problem_of(task: luigi.Task) -> str | None:
    """Return why luigid can't be told of a task, or None; the options may be an author's code."""
    try:
        return problem_of(
            {
                "resources": task.process_resources(),
                "priority": task.priority,
                "retry_policy_dict": _get_retry_policy_dict(task),
                "max_batch_size": task.max_batch_size,
            }
        )
    except Exception as problem:
        return f"its options can't be read: {reasons.of_exception(problem)}"


def _load_task(module: str | None, task_name: str, params_str: dict[str, Any]) -> luigi.Task:
    """Return a task by name, as ``luigi.task_register.load_task`` does, of the module that is meant.

    Luigi looks by the family alone, and two chains in one process may each have a class of a name.
    """
    if module is not None:
        importlib.import_module(module)
    meant = [cls for cls in Register._reg if cls.__module__ == module]
    named = [cls for cls in meant if cls.get_task_family() == task_name]
    cls = named[-1] if named else Register.get_task_cls(task_name)
    return cls.from_str_params(params_str)


def _end_in_words(exitcode: int) -> str:
    """Return how a process ended, by ``multiprocessing``'s reckoning."""
    if exitcode > 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"


def _stop(process: TaskProcess) -> None:
    """End a task's process and all below it: politely at first."""
    import psutil

    below: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
    multiprocessing.Process.terminate(process)
    process.join(_TERM_GRACE)
    for each in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.kill()
    process.join()


def _close_books(scheduler: RunScheduler, worker: str) -> None:
    """Leave no task RUNNING at luigid when the worker was thrown out of its work."""
    with contextlib.suppress(SchedulerError):  # it is how the run has ended, or tells nothing new
        for task_id in [t for t, status in scheduler.statuses.items() if status == RUNNING]:
            end = {
                "status": FAILED,
                "runnable": False,
                "expl": "The run ended while this task ran.",
            }
            scheduler.add_task(worker=worker, task_id=task_id, **end)
        scheduler.settle()


def _first_failure(job: RunJob, scheduler: RunScheduler) -> Outcome | None:
    for task_id, text in scheduler.errors.items():
        if scheduler.statuses.get(task_id) != DONE:
            key = _key_or(scheduler.tasks.get(task_id), job.key)
            return _failure(key, reasons.reason_in(text), reasons.traceback_in(text))
    missing = [scheduler.tasks[task_id] for task_id in sorted(scheduler.missing)]
    missing = [task for task in missing if not task.complete()]
    if missing:
        return _failure(_key_or(missing[0], job.key), verdict.missing_data(missing), None)
    return None


def _key_or(task: luigi.Task | None, otherwise: str) -> str:
    try:
        return str(key_of(task)) if task is not None else otherwise
    except DatanectarError:
        return otherwise


def _failure(key: str, error: str, text: str | None) -> Outcome:
    text = text and text[-reasons.LONGEST_TRACEBACK :]
    return Outcome(FAILED, error=error[:2000], traceback=text, failed_key=key)


def _keep_reason(job: RunJob, attempt_dir: Path) -> int | None:
    try:
        cls = APIChainCollector().task_class(job.type, job.chain, job.task)
        name = class_option(cls, "storage_name", None)
    except DatanectarError:
        name = None
    storage = storage_named(name or default_name(current()))
    return log.keep_run_log(storage, parse_key(job.key), attempt_dir)


@lru_cache(maxsize=1)
def _configure_luigi() -> None:
    """Set Luigi up for runs, once: children find it done by the fork server's warming."""
    # Named, because its default changes with Python's version; a chain's tasks need not pickle.
    multiprocessing.set_start_method("fork", force=True)
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    luigi.worker.load_task = _load_task
    place.configure_core()
    logger = logging.getLogger("luigi-interface")
    logger.handlers = [_handler("%(asctime)s %(levelname)s %(message)s")]
    logger.propagate = False
    logger.setLevel(logging.INFO)
    # A run may build several times: Luigi's worker stops after each, which nobody asked it to.
    logger.addFilter(lambda record: "Shutting down Keep-Alive" not in str(record.msg))
    _log_what_tasks_log()
    luigi.Task.__repr__ = task_in_words  # which Luigi logs: not what may not be seen


def _log_what_tasks_log() -> None:
    """Have what tasks and libraries log in the log, until a chain has a handler of its own."""
    handler = _handler("%(asctime)s %(levelname)s %(name)s: %(message)s")
    configure, root = logging.basicConfig, logging.getLogger()

    def basic_config(**options: Any) -> None:  # which logging.info() and its like call as well
        if options or root.handlers:
            configure(**options)
        else:
            root.addHandler(handler)

    logging.lastResort = handler
    logging.basicConfig = basic_config
    root.setLevel(logging.INFO)


class _ZonedFormatter(logging.Formatter):
    """Gives each line the zone's offset of its moment: this process may outlive a change of clocks."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the record's time with milliseconds and offset."""
        moment = time.localtime(record.created)
        clock = time.strftime(datefmt or self.default_time_format, moment)
        return f"{clock},{int(record.msecs):03d}{time.strftime('%z', moment)}"


def _handler(form: str) -> logging.StreamHandler[Any]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ZonedFormatter(form))
    return handler
