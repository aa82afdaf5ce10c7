"""A parent reads its child's reports: whole lines, in time, and nothing else."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from datanectar.forkserver.handle import Handle, describe_end
from datanectar.forkserver.launch import Spec


def encode(record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


SPEC = Spec(target="none:main", encode=encode, decode=json.loads)


@dataclass
class Child:
    """A handle of a child without a process, and that child's ends of the pipes."""

    handle: Handle
    jobs: int
    reports: int

    def write(self, data: bytes) -> None:
        os.write(self.reports, data)

    def read(self, seconds: float = 0.2) -> list[Any]:
        """Return what the parent reads within so many seconds."""
        return list(self.handle.reports(seconds))


@pytest.fixture
def child() -> Iterator[Child]:
    jobs_read, jobs_write = os.pipe()
    reports_read, reports_write = os.pipe()
    handle = Handle(SPEC, lambda child: None, 1, 0.0, (jobs_write, reports_read))
    try:
        yield Child(handle, jobs_read, reports_write)
    finally:
        handle.on_exit(0)
        handle.close()
        for descriptor in (jobs_read, reports_write):
            os.close(descriptor)


def test_a_job_arrives_as_it_was_encoded(child: Child) -> None:
    child.handle.send({"n": 7})

    assert os.read(child.jobs, 100) == b'{"n": 7}\n'


def test_a_report_that_can_not_be_decoded_is_ignored_and_logged_once(
    child: Child, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 3.1: a wrong word costs the run at most that word."""
    child.write(b"first nonsense\n" + encode(1) + b"\xff\n" + encode(2))

    assert child.read() == [1, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert child.handle.decode_error


def test_a_report_that_arrives_in_pieces_is_read_when_it_is_whole(child: Child) -> None:
    text = encode("x" * 500) + encode("y")
    child.write(text[:100])
    assert child.read() == []
    child.write(text[100:-3])
    assert child.read() == ["x" * 500]
    child.write(text[-3:])

    assert child.read() == ["y"]


def test_what_a_child_wrote_before_its_end_is_read(child: Child) -> None:
    """Though a process that it left behind has the pipe open."""
    child.write(encode(1))
    child.handle.on_exit(0)

    assert child.read() == [1]
    with pytest.raises(EOFError):
        child.read()


def test_data_without_end_does_not_keep_its_reader_from_the_clock(child: Child) -> None:
    """Fault 3.22: ``reports(0.25)`` took 4.5 s of data without a newline."""
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            child.write(b"x" * 65_536)

    writer = threading.Thread(target=flood)
    writer.start()
    try:
        for _ in range(3):
            began = time.monotonic()
            assert child.read(0.25) == []
            assert time.monotonic() - began < 2
    finally:
        stop.set()
        while writer.is_alive() or child.handle._is_readable(0):  # it may wait for room in the pipe
            child.read(0.01)
    child.write(b"\n" + encode("after"))
    assert "after" in child.read()


def test_a_detached_handle_has_ended_and_closes_nothing(child: Child) -> None:
    pipes = child.handle.detach()

    assert child.handle.has_ended
    child.handle.close()
    for descriptor in pipes:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exit code 0"),
        (3 << 8, "exit code 3"),
        (9, "killed by SIGKILL"),
        (127 - 1, "killed by signal 126"),
        (None, "lost with the process that started it"),
    ],
)
def test_a_wait_status_in_words(status: int | None, words: str) -> None:
    assert describe_end(status) == words
