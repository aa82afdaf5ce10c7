"""One child as its parent holds it: the parent sends it jobs, reads its reports, and ends it."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from datanectar.forkserver.launch import Spec

log = logging.getLogger(__name__)

#: The longest line, in bytes, that a report may be.
_LONGEST_REPORT = 16 * 1024 * 1024
#: Seconds to wait for the notice of a child's end once its report pipe is closed.
_EXIT_NOTICE = 5.0
#: How a child ended whose fork server was killed.
LOST = "lost with the process that started it"

Kill = Callable[["Handle"], None]


class Handle:
    """One forked child. It waits for its job, reports by a pipe, and ends.

    Args:
        spec: how jobs and reports are encoded.
        kill: kills the child's process group, unless it has ended.
        pid: its pid.
        started: when it was forked, a Unix time; with the pid it identifies the process for good.
        pipes: this process's ends of the pipes for jobs and for reports.
    """

    def __init__(
        self, spec: Spec, kill: Kill, pid: int, started: float, pipes: Sequence[int]
    ) -> None:
        self.pid = pid
        self.started = started
        self._spec = spec
        self._kill = kill
        self._jobs, self._reports = pipes
        self._buffer = b""
        #: Why the last line that could not be decoded could not.
        self.decode_error = ""
        self._ended = threading.Event()
        self._status: int | None = None

    def send(self, job: Any) -> None:
        """Send the child a job.

        Raises:
            BrokenPipeError: when the child has ended.
        """
        data = memoryview(self._spec.encode(job))
        while data:
            data = data[os.write(self._jobs, data) :]

    def reports(self, timeout: float) -> Iterator[Any]:
        """Yield the reports that arrive within ``timeout`` seconds; stop early when the child ends.

        Raises:
            EOFError: when the child has closed its pipe and nothing is left to read.
        """
        for line in self._lines(time.monotonic() + timeout):
            try:
                yield self._spec.decode(line)
            except ValueError as problem:  # others' code may write to any descriptor that it finds
                if not self.decode_error:
                    log.warning("process %d: a report is ignored: %s", self.pid, problem)
                self.decode_error = str(problem.__cause__ or problem)[:300]

    def _lines(self, deadline: float) -> list[bytes]:
        """Return the lines that are complete by the deadline, as soon as there is one."""
        while True:
            ended = self.has_ended  # asked first: what it wrote before its end is read to the last
            left = max(0.0, deadline - time.monotonic())
            if not self._is_readable(0.0 if ended else left):
                if ended:  # and a process that it left behind has the pipe open
                    raise EOFError
                return []
            data = os.read(self._reports, 1 << 16)
            if not data:
                raise EOFError
            if b"\n" in data:
                *lines, self._buffer = (self._buffer + data).split(b"\n")
                return lines
            self._buffer += data
            if len(self._buffer) > _LONGEST_REPORT:
                self._buffer = b""
            if not left:  # data without end must not keep the reader past its deadline
                return []

    def _is_readable(self, timeout: float) -> bool:
        poll = select.poll()
        poll.register(self._reports, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def kill(self) -> None:
        """Kill the child's process group; harmless when it has ended."""
        self._kill(self)

    def wait_end(self, timeout: float = _EXIT_NOTICE) -> str:
        """Return how the child ended: ``exit code 3``, ``killed by SIGSEGV``.

        It is killed when it is still there after ``timeout`` seconds: it has ended when this returns.
        """
        if not self._ended.wait(timeout):
            with contextlib.suppress(OSError):  # not by the fork server, which may hang
                os.killpg(self.pid, signal.SIGKILL)
            self._ended.wait(1)
        return describe_end(self._status)

    @property
    def has_ended(self) -> bool:
        """Whether the fork server has reported the child's end."""
        return self._ended.is_set()

    @property
    def is_listening(self) -> bool:
        """Whether the child can be sent its job; it may have ended without a notice so far."""
        poll = select.poll()
        poll.register(self._jobs, select.POLLERR)
        return not self.has_ended and not poll.poll(0)

    @property
    def is_lost(self) -> bool:
        """Whether the child ended together with its fork server: nobody knows how."""
        return self.has_ended and self._status is None

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended the child, or nobody knows what did."""
        return self._status is None or os.WIFSIGNALED(self._status)

    def detach(self) -> tuple[int, int]:
        """Return the pipe ends for another process to have; this handle is closed then."""
        pipes = self._jobs, self._reports
        self._jobs = self._reports = -1
        self._ended.set()
        return pipes

    def close(self) -> None:
        """Kill the child if it lives, and close the pipes; harmless when that is done already."""
        if not self.has_ended:
            self.kill()
        for descriptor in {self._jobs, self._reports} - {-1}:
            os.close(descriptor)
        self._jobs = self._reports = -1

    def on_exit(self, status: int | None) -> None:
        """Take the notice of the child's end: a wait status, or None when nobody knows it."""
        self._status = status
        self._ended.set()


def describe_end(status: int | None) -> str:
    """Return a wait status in words."""
    if status is None:
        return LOST
    if os.WIFSIGNALED(status):
        names = {number.value: number.name for number in signal.Signals}
        number = os.WTERMSIG(status)
        return f"killed by {names.get(number, f'signal {number}')}"
    return f"exit code {os.WEXITSTATUS(status)}"
