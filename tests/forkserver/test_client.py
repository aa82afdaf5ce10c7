"""A parent's connection to a fork server when the system has nothing left to give."""

from __future__ import annotations

import json
import os

import pytest

from datanectar.forkserver import client
from datanectar.forkserver.client import NoChild
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.launch import Spec
from datanectar.forkserver.pool import Pool
from tests.servers.processes import wait_for

SPEC = Spec(
    target="none:main", encode=lambda job: json.dumps(job).encode() + b"\n", decode=json.loads
)


def test_a_second_pipe_that_can_not_be_had_costs_no_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 3.22: the first one's descriptors stayed open."""
    made: list[tuple[int, int]] = []
    real = os.pipe

    def pipe() -> tuple[int, int]:
        if made:
            raise OSError(24, "Too many open files")
        made.append(real())
        return made[-1]

    monkeypatch.setattr(os, "pipe", pipe)
    with pytest.raises(NoChild, match="Too many open files"):
        client._two_pipes()

    for descriptor in made[0]:
        with pytest.raises(OSError):
            os.fstat(descriptor)


def test_a_fork_that_the_system_refuses_ends_no_thread() -> None:
    """Fault 3.22: an OSError killed the thread that keeps children ready, for good."""
    pool = Pool(SPEC, ahead=1)
    tried: list[str] = []

    def refuse_once(role: str = "") -> Handle:
        tried.append(role)
        if len(tried) == 1:
            raise OSError(12, "Cannot allocate memory")
        jobs, reports = (os.open(os.devnull, os.O_RDWR) for _ in range(2))
        return Handle(SPEC, lambda child: None, 1, 0.0, (jobs, reports))

    pool._running_fork_server = lambda: None  # type: ignore[method-assign, assignment, return-value]
    pool._fork = refuse_once  # type: ignore[method-assign]
    pool.start()

    wait_for(lambda: len(tried) >= 2 and pool._idle, "it is tried again", 30)
    pool.close()
