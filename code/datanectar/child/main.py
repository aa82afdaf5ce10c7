"""What a child does: read a job, do it, report, end. An author's code runs here and only here.

A child that has resolved a request may stay for its run, since it has the chain imported already.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from datanectar import reasons, settings
from datanectar.catalog import chain_environment
from datanectar.catalog.collector import APIChainCollector
from datanectar.child import describe, needs, plan, resolve
from datanectar.child.exit import end_like_python, forget_inherited_handlers
from datanectar.child.pages import grid, outline, table
from datanectar.child.run_task import run_task
from datanectar.engines.dask.messages import TaskJob
from datanectar.errors import DatanectarError
from datanectar.forkserver.process_control import set_title
from datanectar.messages import (
    ChainDescription,
    DescribeJob,
    DescribeManyJob,
    ErrorSeen,
    Refusal,
    ResolveJob,
    RunJob,
    UploadLogsJob,
    decode,
    encode,
)
from datanectar.messages.pages import GridJob, OutlineJob, TableJob
from datanectar.messages.plans import NeedsJob, PlanJob
from datanectar.runner import build, output, task_log
from datanectar.runner.luigi_setup import configure_luigi
from datanectar.telemetry.counts import send_errors
from datanectar.telemetry.in_child import join_run


class Reports:
    """The child's end of its report pipe.

    Several processes of one run may write: a record that fits ``PIPE_BUF`` arrives in one piece
    (POSIX ``write``). Only a child's last reply may be longer.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, record: Any) -> None:
        """Write one record; waits while the parent is busy."""
        data = memoryview(encode(record))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def main(jobs: int, reports: int, get_ready: Callable[[str], None]) -> int:
    """Do the job that arrives on a pipe, or two; return the process's exit code.

    Args:
        jobs: the descriptor on which they arrive; at its end the parent has ended, or needs none.
        reports: the descriptor for reports.
        get_ready: gets this process ready for a role, which is named after a job.
    """
    pipe = Reports(reports)
    job = _next_job(jobs)
    forget_inherited_handlers()
    if isinstance(job, ResolveJob) and job.stays:
        _serve(job, pipe)
        output.trim_captured()
        set_title("datanectar: child (waits for its run)")
        get_ready(RunJob.__name__)
        job = _next_job(jobs)
    os.close(jobs)
    if job is not None:
        _serve(job, pipe)
    if isinstance(job, (RunJob, TaskJob)):  # its outcome is reported by now
        end_like_python()
    return 0


_OF_ONE_CHAIN = (
    DescribeJob,
    GridJob,
    NeedsJob,
    OutlineJob,
    PlanJob,
    ResolveJob,
    RunJob,
    TaskJob,
)


def _serve(job: Any, pipe: Reports) -> None:
    try:
        set_title(f"datanectar: {_title(job)}")
        if isinstance(job, _OF_ONE_CHAIN):
            chain_environment.prepare_process(job.type, job.chain)
        if isinstance(job, (RunJob, TaskJob)):
            _join_run(job, pipe)
        reply = _JOBS[type(job)](job, pipe.send)
        if reply is not None:
            pipe.send(reply)
    except DatanectarError as problem:
        pipe.send(Refusal(type(problem).__name__, problem.message, problem.fields))
    except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
        pipe.send(Refusal("ChainError", reasons.of_exception(problem)))


def _join_run(job: RunJob | TaskJob, pipe: Reports) -> None:
    """Have what this process logs and traces belong to the run."""
    configure_luigi()  # which replaces handlers of loggers
    path = f"{job.type}/{job.chain}/{job.task}" if isinstance(job, RunJob) else job.family
    attempt = job.attempt if isinstance(job, RunJob) else None
    form = settings.current().log_format
    join_run(form, job.traceparent, run_id=job.run_id, attempt=attempt, task=path)
    if isinstance(job, RunJob):
        send_errors(partial(_report_error, pipe))


def _report_error(pipe: Reports, part: str, kind: str) -> None:
    with contextlib.suppress(OSError):  # the worker has gone, and has other troubles
        pipe.send(ErrorSeen(part, kind))


def _title(job: Any) -> str:
    """Return what ``ps`` shows of this process: ``run etl/bicycles_chain/ReportTask <run id>``."""
    if isinstance(job, RunJob):
        return f"run {job.type}/{job.chain}/{job.task} {job.run_id}"
    if isinstance(job, TaskJob):
        return f"task {job.family} of run {job.run_id}"
    if isinstance(job, ResolveJob):
        return f"resolve {job.type}/{job.chain}/{job.task}"
    if isinstance(job, OutlineJob):
        return f"outline {job.type}/{job.chain}/{job.task}"
    if isinstance(job, GridJob):
        return f"look up keys of {job.type}/{job.chain}/{job.task}"
    if isinstance(job, PlanJob):
        return f"plan a backfill of {job.type}/{job.chain}/{job.task}"
    if isinstance(job, NeedsJob):
        return f"find what runs of {job.type}/{job.chain} need"
    if isinstance(job, DescribeJob):
        return f"describe {job.type}/{job.chain}"
    if isinstance(job, DescribeManyJob):
        return "describe chains"
    return "read a table" if isinstance(job, TableJob) else "upload logs"


def _next_job(descriptor: int) -> Any:
    """Return the job of the next line, or None when the pipe ends before one does."""
    pieces = [b""]
    while not pieces[-1].endswith(b"\n"):
        pieces.append(os.read(descriptor, 1 << 16))
        if not pieces[-1]:
            return None
    return decode(b"".join(pieces))


def _describe(job: DescribeJob, send: Callable[[Any], None]) -> ChainDescription:
    output.mute()
    return APIChainCollector().describe(job.type, job.chain)


_JOBS: dict[type, Callable[[Any, Callable[[Any], None]], Any]] = {
    DescribeJob: _describe,
    DescribeManyJob: describe.describe_many,
    PlanJob: lambda job, send: plan.plan(job),
    ResolveJob: lambda job, send: resolve.resolve(job),
    NeedsJob: lambda job, send: needs.needs(job),
    RunJob: build.run,
    TaskJob: run_task,
    GridJob: lambda job, send: grid.grid(job),
    OutlineJob: lambda job, send: outline.outline(job),
    TableJob: lambda job, send: table.read_table(job),
    UploadLogsJob: lambda job, send: task_log.upload(job),
}
