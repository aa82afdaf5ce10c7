"""What a child does: read a job, do it, report, end. An author's code runs here and only here.

One that has resolved a request may stay for the run of it: then it has the chain already.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

from datanectar import reasons
from datanectar.catalog import chain_environment as place
from datanectar.catalog.collector import APIChainCollector
from datanectar.child import describe as describe_many
from datanectar.child import resolve
from datanectar.child.exit import end_as_python_does, own_no_handlers
from datanectar.errors import DatanectarError
from datanectar.messages import (
    ChainDescription,
    DescribeJob,
    DescribeManyJob,
    Refusal,
    ResolveJob,
    RunJob,
    UploadLogsJob,
    decode,
    encode,
)
from datanectar.runner import build
from datanectar.runner import task_log as log

#: Seconds that who answers the request has the processors to itself before a child that has resolved
#: it gets ready for the run. By then it is accepted, and its worker is about to ask for the child.
_HEAD_START = 0.003


class Reports:
    """The child's end of its report pipe.

    Several processes of one run may write: a record that fits ``PIPE_BUF`` arrives in one piece
    (POSIX ``write``); only a child's single last answer may be longer.
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


def main(jobs: int, reports: int, get_ready: Callable[[], None], at_once: bool) -> int:
    """Serve the job that arrives on a pipe, or two; return the process's exit code.

    Args:
        jobs: the descriptor on which they arrive; at its end the parent has ended, or needs none.
        reports: the descriptor for what there is to say.
        get_ready: makes ready for a run that follows a resolve.
        at_once: whether to get ready while the run is awaited, or when it has come.
    """
    pipe = Reports(reports)
    job = _next_job(jobs)
    own_no_handlers()
    if isinstance(job, ResolveJob) and job.stays:
        _serve(job, pipe)
        log.trim_held_output()
        job = _await_run(jobs, get_ready, at_once)
    os.close(jobs)
    if job is not None:
        _serve(job, pipe)
    if isinstance(job, RunJob):  # whose end is told by now
        end_as_python_does()
    return 0


def _await_run(jobs: int, get_ready: Callable[[], None], at_once: bool) -> Any:
    """Return the run that follows, ready for it, or None when none does."""
    early = at_once and not _arrives_within(_HEAD_START, jobs)
    if early:
        get_ready()
    job = _next_job(jobs)
    if job is not None and not early:
        get_ready()
    return job


def _arrives_within(seconds: float, descriptor: int) -> bool:
    poll = select.poll()  # select() takes no descriptor above 1023: a preload may keep many
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _serve(job: Any, pipe: Reports) -> None:
    try:
        if isinstance(job, (DescribeJob, ResolveJob, RunJob)):
            place.settle(job.type, job.chain)
        answer = _DUTIES[type(job)](job, pipe.send)
        if answer is not None:
            pipe.send(answer)
    except DatanectarError as problem:
        pipe.send(Refusal(type(problem).__name__, problem.message, problem.fields))
    except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
        pipe.send(Refusal("ChainError", reasons.of_exception(problem)))


def _next_job(descriptor: int) -> Any:
    """Return the job of the next line, or None when the pipe ends before one does."""
    pieces = [b""]
    while not pieces[-1].endswith(b"\n"):
        pieces.append(os.read(descriptor, 1 << 16))
        if not pieces[-1]:
            return None
    return decode(b"".join(pieces))


def _run(job: RunJob, send: Callable[[Any], None]) -> Any:
    if sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_OTHER:
        # A batch process gets as much of a processor as any, but interrupts nobody (sched(7)): who
        # answers a request is woken at once, though runs keep every processor busy.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return build.run(job, send)


def _describe(job: DescribeJob, send: Callable[[Any], None]) -> ChainDescription:
    log.discard_output()
    return APIChainCollector().describe(job.type, job.chain)


_DUTIES: dict[type, Callable[[Any, Callable[[Any], None]], Any]] = {
    DescribeJob: _describe,
    DescribeManyJob: describe_many.describe_many,
    ResolveJob: lambda job, send: resolve.resolve(job),
    RunJob: _run,
    UploadLogsJob: lambda job, send: log.upload(job),
}
