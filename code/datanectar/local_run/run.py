"""A run in this process: ``datanectar run --here``.

What differs from a run of the service is where it happens: Luigi's scheduler is in this process, and
what tasks write goes to the terminal and to their logs. Keys, files, logs, checks and the reasons of
failures are the same. The run store knows nothing of it, and ``run_timeout`` does not count.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import sys
import traceback
from dataclasses import dataclass
from typing import Any

import luigi

from datanectar import reasons
from datanectar.catalog.collector import APIChainCollector
from datanectar.catalog.files import find_chains
from datanectar.cli.exit_codes import FAILED as EXIT_FAILED
from datanectar.cli.exit_codes import INTERRUPTED, OK
from datanectar.cli.terminal import echo
from datanectar.errors import Conflict, DatanectarError, NotFound
from datanectar.keys import LOG_FILE, parse_key, run_time_text, set_run_time
from datanectar.local_run.progress import Progress
from datanectar.local_run.scheduler import InProcessScheduler
from datanectar.local_run.terminal_log import attempt_folder, has_begun
from datanectar.messages import Outcome, RunJob
from datanectar.parameters.class_options import check_options
from datanectar.parameters.reading import make_task
from datanectar.rpc.scheduler import RunScheduler
from datanectar.runner import verdict
from datanectar.runner.build import build_until_ended
from datanectar.runner.luigi_setup import configure_luigi
from datanectar.settings import current
from datanectar.statuses import DONE
from datanectar.storage.base import keep_earlier
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.identity import key_of
from datanectar.util.result_addresses import result_addresses
from datanectar.util.tasklog import is_recording, storage_of

#: What wraps the execution of each task (Luigi's ``[worker] task_process_context``).
_CONTEXT = "datanectar.local_run.terminal_log.TerminalLog"
#: Seconds that the processes of an interrupted run get to end by themselves.
_TERM_GRACE = 3.0


@dataclass(frozen=True)
class Request:
    """What is to be run: a path, ``<type>[/<chain>]/<Task>``, and raw parameters by name.

    ``pdb``: open the debugger where a task fails. ``as_json``: print the end as JSON.
    """

    path: str
    parameters: dict[str, Any]
    pdb: bool = False
    as_json: bool = False


def run(request: Request) -> int:
    """Run the task and all that it requires; return the exit code.

    Raises:
        DatanectarError: when it can't be begun: no such task, or parameters that can't be read.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = _results_apart()
    set_run_time(run_time_text())
    storage_named(default_name(current())).prepare()
    root, job = _prepare(request)
    try:
        outcome = Outcome(DONE) if root.complete() else _build(root, job, request.pdb)
    except KeyboardInterrupt:
        _end_children()
        echo("\nInterrupted: what was being made is dropped, what is done stays.", err=True)
        return INTERRUPTED
    _report(root, outcome, results, request.as_json)
    return OK if outcome.status == DONE else EXIT_FAILED


def _results_apart() -> int:
    """Have all that is printed go to standard error; return a descriptor of standard output."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


def _prepare(request: Request) -> tuple[luigi.Task, RunJob]:
    type, chain, name = _place(request.path)
    cls = APIChainCollector().task_class(type, chain, name)
    check_options(cls)
    root = make_task(cls, request.parameters)
    run_id = secrets.token_hex(13)
    width = 1  # who would assist it is not there
    moment, key = os.environ["DATANECTAR_RUN_TIME"], str(key_of(root))
    job = RunJob(run_id, 1, type, chain, name, {}, moment, key, attempt_dir="", width=width)
    return root, job


def _place(path: str) -> tuple[str, str, str]:
    """Return type, chain and task; of the short form, the one chain of the type that has the task.

    Raises:
        NotFound, Conflict: when none has it, or several have.
    """
    parts = path.split("/")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    type, task = parts
    collector = APIChainCollector()
    files = [file for file in find_chains(current().chains) if file.type == type]
    chains = [collector.describe(type, file.name) for file in files if not file.problem]
    having = [chain.name for chain in chains if any(each.name == task for each in chain.tasks)]
    if len(having) > 1:
        places = ", ".join(f"{type}/{name}/{task}" for name in having)
        raise Conflict(f"{len(having)} chains of {type} have a task {task}; name one: {places}.")
    if not having:
        raise NotFound(f"No chain of type {type[:100]!r} has a task {task[:100]!r}.")
    return type, having[0], task


def _build(root: luigi.Task, job: RunJob, with_pdb: bool) -> Outcome:
    configure_luigi()
    if with_pdb:
        luigi.Task.event_handler(luigi.Event.FAILURE)(_debug)
    progress = Progress(lambda line: echo(line, err=True), _log_address, job.key)
    scheduler = RunScheduler(current().luigid_url, progress, current().retry_delay, root.task_id)
    scheduler._fetcher = InProcessScheduler()  # type: ignore[assignment]
    _quieten_luigi()
    with attempt_folder():
        outcome = _outcome(root, job, scheduler, {"worker_processes": 1} if with_pdb else {})
        if outcome.status != DONE:
            _explain(root, job, outcome)
    return outcome


def _quieten_luigi() -> None:
    """Keep what Luigi logs between tasks off the terminal: the lines of progress say it."""
    logging.getLogger("luigi-interface").addFilter(lambda record: is_recording())


def _outcome(root: luigi.Task, job: RunJob, scheduler: RunScheduler, options: Any) -> Outcome:
    try:
        return build_until_ended(root, job, scheduler, task_process_context=_CONTEXT, **options)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # authors' code: SystemExit too
        reasons.forget_environment(problem)
        text = "".join(traceback.format_exception(problem))
        return verdict.failure(job.key, reasons.of_exception(problem), text)


def _debug(task: luigi.Task, problem: BaseException) -> None:
    """Open the debugger where the task failed; Luigi calls this before it reports the failure."""
    import pdb  # noqa: T100

    if problem.__traceback__ is not None:
        print(f"{task} failed: {reasons.of_exception(problem)}")
        pdb.post_mortem(problem.__traceback__)


def _explain(root: luigi.Task, job: RunJob, outcome: Outcome) -> None:
    """Show why the run failed, where no task has, and keep it as the log of a root that never ran."""
    if not has_begun(outcome.failed_key or job.key) and outcome.traceback:
        echo(outcome.traceback, err=True)
    if has_begun(job.key):
        return
    text = "\n".join(part for part in (outcome.traceback, outcome.error) if part)
    with contextlib.suppress(DatanectarError, OSError):
        storage, key = storage_of(root), key_of(root)
        keep_earlier(storage, key, LOG_FILE)
        storage.put_bytes(key, LOG_FILE, f"{text}\n".encode(errors="backslashreplace"))


def _end_children() -> None:
    """End what the run has started and not ended: politely at first."""
    import psutil

    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()
    for child in psutil.wait_procs(children, _TERM_GRACE)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _report(root: luigi.Task, outcome: Outcome, results: int, as_json: bool) -> None:
    """Print how the run ended: addresses or JSON to standard output, the rest to standard error."""
    key, failed = str(key_of(root)), outcome.failed_key
    addresses = _addresses(root) if outcome.status == DONE else []
    log = _log_address(failed or key)
    if outcome.status == DONE:
        echo("DONE" if addresses else "DONE without a result of its own", err=True)
    else:
        echo(f"{outcome.status} {outcome.error or ''}".rstrip(), err=True)
        echo(f"  task: {'/'.join((failed or key).split('/')[1:4])}\n  log: {log}", err=True)
    sys.stderr.flush()
    os.dup2(results, 1)
    if as_json:
        end = {"key": key, "job_status": outcome.status, "results": addresses, "log": log}
        why = {"error": outcome.error, "traceback": outcome.traceback, "failed_key": failed}
        print(json.dumps({**end, **why}, indent=2))
    else:
        for address in addresses:
            echo(address)


def _addresses(root: luigi.Task) -> list[str]:
    place = result_addresses(root)
    if place.output is None:
        return place.results
    return [storage_named(place.storage).address(key_of(root), place.output)]


def _log_address(key: str) -> str:
    return storage_named(default_name(current())).address(parse_key(key), LOG_FILE)
