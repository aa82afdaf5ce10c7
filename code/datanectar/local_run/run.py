"""A run in this process: ``datanectar run --here``.

The run itself is in :mod:`datanectar.local_run.build`; here is what a terminal needs besides.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

import luigi
from luigi.task import flatten

from datanectar import reasons
from datanectar.catalog.collector import APIChainCollector
from datanectar.catalog.files import find_chains
from datanectar.cli.exit_codes import FAILED as EXIT_FAILED
from datanectar.cli.exit_codes import INTERRUPTED, OK
from datanectar.cli.terminal import echo
from datanectar.errors import Conflict, NotFound
from datanectar.keys import run_time_text, set_run_time
from datanectar.local_run.build import LocalRun, build, log_address
from datanectar.parameters.reading import make_task
from datanectar.runner.luigi_setup import configure_luigi
from datanectar.settings import current
from datanectar.statuses import DONE
from datanectar.util.result_addresses import result_addresses

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
    root = _root(request)
    configure_luigi()
    if request.pdb:
        luigi.Task.event_handler(luigi.Event.FAILURE)(_debug)
    options = {"worker_processes": 1} if request.pdb else {}
    try:
        ended = build(root, lambda line: echo(line, err=True), **options)
    except KeyboardInterrupt:
        _end_children()
        echo("\nInterrupted: what was being made is dropped, what is done stays.", err=True)
        return INTERRUPTED
    _report(root, ended, results, request.as_json)
    return OK if ended.outcome.status == DONE else EXIT_FAILED


def _results_apart() -> int:
    """Have all that is printed go to standard error; return a descriptor of standard output."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


def _root(request: Request) -> luigi.Task:
    type, chain, name = _place(request.path)
    return make_task(APIChainCollector().task_class(type, chain, name), request.parameters)


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


def _debug(task: luigi.Task, problem: BaseException) -> None:
    """Open the debugger where the task failed; Luigi calls this before it reports the failure."""
    import pdb  # noqa: T100

    if problem.__traceback__ is not None:
        print(f"{task} failed: {reasons.of_exception(problem)}")
        pdb.post_mortem(problem.__traceback__)


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


def _report(root: luigi.Task, ended: LocalRun, results: int, as_json: bool) -> None:
    """Print how the run ended: addresses or JSON to standard output, the rest to standard error."""
    key, outcome, failed = ended.key, ended.outcome, ended.outcome.failed_key
    addresses = _addresses(root) if outcome.status == DONE else []
    log = log_address(ended.failed_key)
    if outcome.status == DONE:
        echo("DONE" if addresses else "DONE without a result of its own", err=True)
    else:
        echo(f"{outcome.status} {outcome.error or ''}".rstrip(), err=True)
        echo(f"  task: {'/'.join(ended.failed_key.split('/')[1:4])}\n  log: {log}", err=True)
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
    return [target.path for target in flatten(root.output())]
