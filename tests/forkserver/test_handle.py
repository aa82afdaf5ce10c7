"""A child's end of the line as its parent reads it: whole lines, in time, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datanectar.errors import ChainError, Unavailable
from datanectar.forkserver import client as fork_server_client
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.pool import Pool, _first_answer
from datanectar.messages import ChainDescription, Resolution, SchedulerReport, TaskReport, encode
from datanectar.settings import load
from tests.servers.processes import wait_for


class NoForkServer:
    def kill(self, child: Handle) -> None:
        """There is no process."""


@dataclass
class Line:
    """A child without a process, and the descriptor on which it would speak."""

    child: Handle
    says: int

    def hears(self, seconds: float = 0.2) -> list[Any]:
        return list(self.child.reports(seconds))


@pytest.fixture
def line() -> Iterator[Line]:
    job_read, job_write = os.pipe()
    report_read, report_write = os.pipe()
    child = Handle(NoForkServer(), 1, 0.0, job_write, report_read)
    try:
        yield Line(child, report_write)
    finally:
        child.ended(0)
        child.close()
        for descriptor in (job_read, report_write):
            os.close(descriptor)


def test_what_is_no_record_costs_itself_and_is_said_once(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 3.1: a wrong word costs the run at most that word."""
    good = TaskReport("x", progress=5)
    bad = TaskReport("x", progress=10**20)
    os.write(line.says, encode(bad) + encode(good) + b"\xff\n" + encode(SchedulerReport(True)))

    assert line.hears() == [good, SchedulerReport(True)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "100000000000000000000" in caplog.text


def test_a_record_that_comes_in_pieces_is_read_when_it_is_whole(line: Line) -> None:
    text = encode(TaskReport("x" * 500)) + encode(TaskReport("y"))
    os.write(line.says, text[:100])
    assert line.hears() == []
    os.write(line.says, text[100:-3])
    assert line.hears() == [TaskReport("x" * 500)]
    os.write(line.says, text[-3:])

    assert line.hears() == [TaskReport("y")]


def test_data_without_end_does_not_keep_its_reader_from_the_clock(line: Line) -> None:
    """Fault 3.22: ``reports(0.25)`` took 4.5 s of data without a newline."""
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            os.write(line.says, b"x" * 65_536)

    writer = threading.Thread(target=flood)
    writer.start()
    try:
        for _ in range(3):
            began = time.monotonic()
            assert line.hears(0.25) == []
            assert time.monotonic() - began < 2
    finally:
        stop.set()
        while writer.is_alive() or line.child._is_readable(0):  # it may wait for room in the pipe
            line.hears(0.01)
    os.write(line.says, b"\n" + encode(TaskReport("after")))
    assert TaskReport("after") in line.hears()


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
    with pytest.raises(Unavailable, match="Too many open files"):
        fork_server_client._two_pipes()

    for descriptor in made[0]:
        with pytest.raises(OSError):
            os.fstat(descriptor)


def test_a_fork_that_the_system_refuses_ends_no_thread(tmp_path: Path) -> None:
    """Fault 3.22: an OSError killed the thread that keeps children ready, for good."""
    children = Pool(load({"DATANECTAR_PROJECT": str(tmp_path)}), ahead=1)
    tried: list[int] = []

    def refuse_once(duty: int = 0) -> Handle:
        tried.append(duty)
        if len(tried) == 1:
            raise OSError(12, "Cannot allocate memory")
        ends = [os.open(os.devnull, os.O_RDWR) for _ in range(2)]
        return Handle(NoForkServer(), 1, 0.0, *ends)

    children._running_fork_server = lambda: None  # type: ignore[method-assign, assignment, return-value]
    children._fork = refuse_once  # type: ignore[method-assign]
    children.start()

    wait_for(lambda: len(tried) >= 2 and children._ready, "it is tried again", 30)
    children.close()


def test_an_answer_of_another_kind_answers_nothing(line: Line) -> None:
    """Fault 3.14's neighbour: a chain may send any record where a description is due."""
    chain = ChainDescription("etl", "a_chain", "/somewhere")
    for record in (TaskReport("x"), SchedulerReport(True), chain):
        os.write(line.says, encode(record))

    assert _first_answer(line.child, 1.0, "etl/a_chain", ChainDescription) == chain
    os.write(line.says, encode(TaskReport("x")))
    with pytest.raises(ChainError, match="import took longer than"):
        _first_answer(line.child, 0.2, "etl/a_chain", ChainDescription)


def test_an_answer_that_can_not_be_used_says_what_is_wrong_with_it(line: Line) -> None:
    """Fault 3.14: ``width = 10**20`` answered 500."""
    key = f"chains/etl/a_chain/ATask/{'0' * 32}"
    resolution = Resolution(key, "id", {}, {}, [], "{}", "2016-06-03", "local", None, width=10**20)
    os.write(line.says, encode(resolution))
    line.child.ended(0)

    with pytest.raises(ChainError, match=r"can't be used \(.*<= 1000 - at `\$.width`"):
        _first_answer(line.child, 5.0, "etl/a_chain", Resolution)
