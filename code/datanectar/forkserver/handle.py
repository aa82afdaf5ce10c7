"""One child as its parent holds it: handed a job, listened to, killed if need be, and buried."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol

from datanectar.messages import decode, encode

log = logging.getLogger(__name__)

#: The longest line, in bytes, that a child's report may be: the description of a huge chain.
_LONGEST_REPORT = 16 * 1024 * 1024
#: Seconds to wait for the news of a child's end once its report pipe is closed.
_EXIT_NEWS = 5.0


#: How a child ended whose fork server was killed.
LOST = "lost with the process that started it"


class Killer(Protocol):
    """What can kill a child's process group: its fork server, which knows whether the pid is still it."""

    def kill(self, child: Handle) -> None:
        """Kill the child; harmless when it has ended."""


class Handle:
    """One forked child. It waits for its job, reports by a pipe, and ends.

    Args:
        fork server: can kill it.
        pid: its pid.
        started: when it was forked, a Unix stamp; with the pid it names the process for good.
        job, reports: this process's ends of its pipes.
    """

    def __init__(
        self, fork_server: Killer, pid: int, started: float, job: int, reports: int
    ) -> None:
        self.pid = pid
        self.started = started
        self._fork_server = fork_server
        self._job = job
        self._reports = reports
        self._buffer = bytearray()
        #: Why the last line that was no record could not be read.
        self.refused = ""
        self._ended = threading.Event()
        self._status: int | None = None

    def send(self, job: Any) -> None:
        """Hand the child a job: its one, or the one after a ``ResolveJob`` that stays.

        Raises:
            BrokenPipeError: when the child is dead already.
        """
        data = memoryview(encode(job))
        while data:
            data = data[os.write(self._job, data) :]

    def reports(self, timeout: float) -> Iterator[Any]:
        """Yield the records that arrive within ``timeout`` seconds; end early with the child.

        Raises:
            EOFError: when the child has closed its pipe and nothing is left to read.
        """
        deadline = time.monotonic() + timeout
        for line in self._lines(deadline):
            try:
                yield decode(line)
            except ValueError as problem:  # a task may write into any descriptor it finds
                if not self.refused:
                    log.warning(
                        "process %d has sent what counts for nothing: %s", self.pid, problem
                    )
                self.refused = str(problem.__cause__)[:300]

    def _lines(self, deadline: float) -> list[bytes]:
        """Return the lines that are whole by the deadline, as soon as there is one."""
        while True:
            ended = self.has_ended  # asked first: what it wrote before that is read to the end
            left = max(0.0, deadline - time.monotonic())
            if not self._is_readable(0.0 if ended else left):
                if ended:  # and a process that it left behind has the pipe open
                    raise EOFError
                return []
            data = os.read(self._reports, 1 << 16)
            if not data:
                raise EOFError
            self._buffer += data
            if b"\n" in data:
                *lines, rest = bytes(self._buffer).split(b"\n")
                self._buffer = bytearray(rest)
                return lines
            if len(self._buffer) > _LONGEST_REPORT:  # nothing of ours: a task gone wild
                self._buffer.clear()
            if not left:  # what goes on and on must not keep who reads it from the clock
                return []

    def _is_readable(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._reports, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def kill(self) -> None:
        """Kill the child's whole process group; harmless when it has ended."""
        self._fork_server.kill(self)

    def wait_end(self, timeout: float = _EXIT_NEWS) -> str:
        """Return how the child ended, in words: ``exit code 3``, ``killed by SIGSEGV``.

        One that lives on after so many seconds is killed: it must be over when this returns.
        """
        if not self._ended.wait(timeout):
            with contextlib.suppress(OSError):  # not by the fork server, which may be what hangs
                os.killpg(self.pid, signal.SIGKILL)
            self._ended.wait(1)
        return describe_end(self._status)

    @property
    def has_ended(self) -> bool:
        """Whether the fork server has told of the child's end."""
        return self._ended.is_set()

    @property
    def is_listening(self) -> bool:
        """Whether the child is there to be sent its job; it may be gone and no news of it yet."""
        poll = select.poll()
        poll.register(self._job, select.POLLERR)
        return not self.has_ended and not poll.poll(0)

    @property
    def is_lost(self) -> bool:
        """Whether the child ended with its fork server: nobody can tell how."""
        return self.has_ended and self._status is None

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended the child, or nobody can tell any more."""
        return self._status is None or os.WIFSIGNALED(self._status)

    def let_go(self) -> tuple[int, int]:
        """Return the pipe ends for another process to have; the child is none of this one's now."""
        ends = self._job, self._reports
        self._job = self._reports = -1
        self._ended.set()
        return ends

    def close(self) -> None:
        """Kill the child if it lives, and close the pipes; harmless when it was let go."""
        if not self._ended.is_set():
            self.kill()
        for descriptor in (self._job, self._reports):
            if descriptor >= 0:
                os.close(descriptor)
        self._job = self._reports = -1

    def ended(self, status: int | None) -> None:
        """Take the news of the child's end: a wait status, or None when it is not known."""
        self._status = status
        self._ended.set()


def describe_end(status: int | None) -> str:
    """Return a wait status in words."""
    if status is None:
        return LOST
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"exit code {os.WEXITSTATUS(status)}"
