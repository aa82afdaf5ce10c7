"""What a child does: read one job, do it, report, end. An author's code runs here and only here."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from typing import Any

from datanectar.api.api_chains import APIChainCollector
from datanectar.errors import DatanectarError
from datanectar.execution import build, log, resolve, survey
from datanectar.records import (
    Chain,
    DescribeJob,
    Refusal,
    ResolveJob,
    RunJob,
    ShipJob,
    SurveyJob,
    decode,
    encode,
)


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


def main(job: int, reports: int) -> int:
    """Serve the job that arrives on the descriptor ``job``; return the process's exit code."""
    line = _read_all(job)
    if not line:
        return 0  # the parent has ended, or needs no more children
    pipe = Reports(reports)
    job = decode(line)
    try:
        answer = _DUTIES[type(job)](job, pipe.send)
        if answer is not None:
            pipe.send(answer)
    except DatanectarError as problem:
        pipe.send(Refusal(type(problem).__name__, problem.message, problem.fields))
    except BaseException as problem:  # authors' code: SystemExit and KeyboardInterrupt too
        text = traceback.format_exception_only(problem)[-1].strip()
        pipe.send(Refusal("ChainError", text))
    return 0


def _read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1 << 16):
        pieces.append(piece)
    os.close(descriptor)
    return b"".join(pieces)


def _describe(job: DescribeJob, send: Callable[[Any], None]) -> Chain:
    log.discard_output()
    return APIChainCollector().describe(job.type, job.chain)


_DUTIES: dict[type, Callable[[Any, Callable[[Any], None]], Any]] = {
    DescribeJob: _describe,
    SurveyJob: survey.survey,
    ResolveJob: lambda job, send: resolve.resolve(job),
    RunJob: build.run,
    ShipJob: lambda job, send: log.ship(job),
}
