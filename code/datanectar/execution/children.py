"""Children as their parent sees them: started ahead of need, given one job, limited, and buried.

The parent owns the truth about a child: it alone says when time is up, and it learns from the
zygote how the child ended, whatever the child itself could still report.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

from datanectar import errors
from datanectar.errors import ChainError, StartupError, Unavailable
from datanectar.execution.zygote import (
    EXITED,
    FORK,
    KILL,
    LIMIT,
    MESSAGE,
    READY,
    STARTED,
    STATUS,
    TICKS,
)
from datanectar.records import Refusal, decode, encode
from datanectar.settings import Settings

log = logging.getLogger(__name__)

#: Seconds that a zygote may take to import its preloads.
_ZYGOTE_START = 60.0
#: The longest line, in bytes, that a child's report may be: the description of a huge chain.
_LONGEST_REPORT = 16 * 1024 * 1024
#: Seconds to wait for the news of a child's end once its report pipe is closed.
_EXIT_NEWS = 5.0


class Child:
    """One forked child. It waits for its job, reports by a pipe, and ends."""

    def __init__(self, zygote: _ZygoteClient, pid: int, job: int, reports: int) -> None:
        self.pid = pid
        #: When it was forked, a Unix stamp; with the pid it names the process for good.
        self.started = time.time()
        self._zygote = zygote
        self._job = job
        self._reports = reports
        self._buffer = b""
        self._ended = threading.Event()
        self._status: int | None = None

    def send(self, job: Any) -> None:
        """Hand the child its job.

        Raises:
            BrokenPipeError: when the child is dead already.
        """
        data = memoryview(encode(job))
        try:
            while data:
                data = data[os.write(self._job, data) :]
        finally:
            os.close(self._job)
            self._job = -1

    def reports(self, timeout: float) -> Iterator[Any]:
        """Yield the records that arrive within ``timeout`` seconds; end early with the child.

        Raises:
            EOFError: when the child has closed its pipe and nothing is left to read.
        """
        deadline = time.monotonic() + timeout
        while not self._buffer.count(b"\n"):
            ended = self.has_ended  # asked first: what it wrote before that is read to the end
            if not self._is_readable(0.0 if ended else max(0.0, deadline - time.monotonic())):
                if ended:  # and a process that it left behind has the pipe open
                    raise EOFError
                return
            data = os.read(self._reports, 1 << 16)
            if not data:
                raise EOFError
            self._buffer += data
            if len(self._buffer) > _LONGEST_REPORT:  # nothing of ours: a task gone wild
                self._buffer = b""
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):  # a task may write into any descriptor it finds
                yield decode(line)

    def _is_readable(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._reports, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def kill(self) -> None:
        """Kill the child's whole process group; harmless when it has ended."""
        self._zygote.kill(self)

    def wait_end(self, timeout: float = _EXIT_NEWS) -> str:
        """Return how the child ended, in words: ``exit code 3``, ``killed by SIGSEGV``.

        One that lives on after so many seconds is killed: it must be over when this returns.
        """
        if not self._ended.wait(timeout):
            with contextlib.suppress(OSError):  # not by the zygote, which may be what hangs
                os.killpg(self.pid, signal.SIGKILL)
            self._ended.wait(1)
        return describe_end(self._status)

    @property
    def has_ended(self) -> bool:
        """Whether the zygote has told of the child's end."""
        return self._ended.is_set()

    @property
    def is_listening(self) -> bool:
        """Whether the child is there to be sent its job; it may be gone and no news of it yet."""
        poll = select.poll()
        poll.register(self._job, select.POLLERR)
        return not self.has_ended and not poll.poll(0)

    @property
    def is_lost(self) -> bool:
        """Whether the child ended with its zygote: nobody can tell how."""
        return self.has_ended and self._status is None

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended the child, or nobody can tell any more."""
        return self._status is None or os.WIFSIGNALED(self._status)

    def close(self) -> None:
        """Kill the child if it lives, and close the pipes."""
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
        return "lost with the process that started it"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"exit code {os.WEXITSTATUS(status)}"


class _Lost(Unavailable):
    """Raised when a child died with its zygote."""


class _ZygoteClient:
    """The parent's end of one zygote."""

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "datanectar.execution.zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*command, *settings.preload],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=None,
            start_new_session=True,
            cwd=settings.code if settings.code.is_dir() else None,
            env={
                **settings.environ_for_children(os.environ),
                "PYTHONPATH": _python_path(settings),
            },
        )
        theirs.close()
        self._socket = ours
        self._asking = threading.Lock()
        self._started: deque[threading.Event] = deque()
        self._pids: dict[threading.Event, int] = {}
        self._live: dict[int, Child] = {}
        self._early: dict[int, int] = {}
        self._state = threading.Lock()
        self.gone = False
        self._await_ready()
        threading.Thread(target=self._listen, name="zygote", daemon=True).start()

    def _await_ready(self) -> None:
        self._socket.settimeout(_ZYGOTE_START)
        try:
            message = self._socket.recv(MESSAGE.size)
        except TimeoutError:
            message = b""
        self._socket.settimeout(None)
        if len(message) < MESSAGE.size or MESSAGE.unpack(message)[0] != READY:
            self._process.kill()
            self._process.wait()
            raise StartupError(
                "The process that children are forked from did not start; "
                "is every module in DATANECTAR_PRELOAD importable? Its words stand above."
            )

    def fork(self) -> Child:
        """Return a new child that waits for its job."""
        job_read, job_write = os.pipe()
        report_read, report_write = os.pipe()
        answered = threading.Event()
        try:
            with self._asking:
                self._started.append(answered)
                message = MESSAGE.pack(FORK, 0)
                socket.send_fds(self._socket, [message], [job_read, report_write])
        except OSError as problem:
            self.gone = True
            os.close(job_write)
            os.close(report_read)
            raise Unavailable("The process that children are forked from is gone.") from problem
        finally:
            os.close(job_read)
            os.close(report_write)
        if not answered.wait(_ZYGOTE_START):
            self._process.kill()  # whatever it still answered would be taken for another's child
        with self._state:
            pid = self._pids.pop(answered, 0)
            child = Child(self, pid, job_write, report_read)
            if not pid:
                child.ended(None)
            elif pid in self._early:
                child.ended(self._early.pop(pid))
            else:
                self._live[pid] = child
        if not pid:
            child.close()
            raise Unavailable("The process that children are forked from is gone.")
        return child

    def kill(self, child: Child) -> None:
        with self._state:
            living = self._live.get(child.pid) is child
        if living:
            with contextlib.suppress(OSError), self._asking:
                self._socket.sendall(MESSAGE.pack(KILL, child.pid))

    def limit(self, moment: float) -> None:
        with contextlib.suppress(OSError), self._asking:
            self._socket.sendall(MESSAGE.pack(LIMIT, math.ceil(moment * TICKS)))

    def close(self) -> None:
        """End the zygote, and with it every child."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, pid = MESSAGE.unpack(self._receive(MESSAGE.size))
                if kind == STARTED:
                    answered = self._started.popleft()
                    with self._state:
                        self._pids[answered] = pid
                    answered.set()
                elif kind == EXITED:
                    (status,) = STATUS.unpack(self._receive(STATUS.size))
                    self._bury(pid, status)
        self._mourn()

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _bury(self, pid: int, status: int) -> None:
        with self._state:
            child = self._live.pop(pid, None)
            if child is None:  # it ended before fork() could name it
                self._early[pid] = status
        if child is not None:
            child.ended(status)

    def _mourn(self) -> None:
        """The zygote is gone. Its children die with it; what they started may not have."""
        self.gone = True
        with self._asking:
            self._socket.close()
        with self._state:
            lost, self._live = list(self._live.values()), {}
        for child in lost:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
        for child in lost:
            _await_end(child.pid)
            child.ended(None)
        while self._started:
            self._started.popleft().set()
        self._process.wait()


def _await_end(pid: int) -> None:
    """Wait until a killed process of the late zygote's is gone: its run may then begin anew."""
    deadline = time.monotonic() + _EXIT_NEWS
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.005)


def _python_path(settings: Settings) -> str:
    return os.pathsep.join(
        part for part in (str(settings.code), os.environ.get("PYTHONPATH", "")) if part
    )


class Children:
    """Gives out children, keeping some forked ahead so that a request need not wait for a fork.

    Args:
        settings: the settings in force.
        ahead: how many idle children to keep.
    """

    def __init__(self, settings: Settings, ahead: int) -> None:
        self._settings = settings
        self._ahead = ahead
        self._ready: deque[Child] = deque()
        self._lock = threading.Lock()
        self._zygote: _ZygoteClient | None = None
        self._wanted = threading.Semaphore(0)
        self._closed = False
        self._filler: threading.Thread | None = None

    def start(self) -> None:
        """Start the zygote and the first idle children.

        Raises:
            StartupError: when a preload can't be imported.
        """
        self._running_zygote()
        self._filler = threading.Thread(target=self._keep_filled, name="forks", daemon=True)
        self._filler.start()
        self._wanted.release()

    def close(self) -> None:
        """Kill every child and end the zygote."""
        self._closed = True
        self._wanted.release()
        with self._lock:
            zygote, self._zygote = self._zygote, None
        if zygote:
            zygote.close()
        while self._ready:
            self._ready.popleft().close()

    def take(self, job: Any) -> Child:
        """Return a child that has been handed ``job``.

        Raises:
            Unavailable: when no child can be had.
        """
        for _ in range(self._ahead + 2):
            child = self.reserve()
            try:
                child.send(job)
            except BrokenPipeError:
                child.close()
                continue
            return child
        raise Unavailable("No child process can be started; the log of this process says more.")

    def ask(self, job: Any, *, timeout: float, subject: str) -> Any:
        """Return a child's one answer to ``job``.

        Args:
            job: what to do.
            timeout: seconds that it may take.
            subject: the chain's name, for error messages.

        Raises:
            ChainError: when the child takes too long or ends without an answer.
            Unavailable: when children die before they can answer, by no fault of the chain's.
            DatanectarError: what the child refused the job with.
        """
        try:
            return self._ask(job, timeout, subject)
        except _Lost:  # with the zygote; there is another by now
            return self._ask(job, timeout, subject)

    def _ask(self, job: Any, timeout: float, subject: str) -> Any:
        child = self.take(job)
        try:
            for answer in child.reports(timeout):
                if isinstance(answer, Refusal):
                    raise errors.by_name(answer.error)(answer.message, fields=answer.fields)
                return answer
        except EOFError:
            end = child.wait_end()
            if child.is_lost:
                raise _Lost(f"{subject}: the child was {end}; try again.") from None
            raise ChainError(f"{subject}: its import ended the process ({end}).") from None
        finally:
            child.close()
        raise ChainError(
            f"{subject}: its import took longer than {timeout:g} s (DATANECTAR_IMPORT_TIMEOUT)."
        )

    def ask_for_each(self, job: Any, *, patience: float) -> Generator[Any, None, None]:
        """Yield a child's answers to ``job`` until it ends, or says nothing for too long.

        Args:
            job: what to do.
            patience: seconds to wait for each answer.

        Raises:
            Unavailable: when no child can be had.
        """
        child = self.take(job)
        try:
            while answers := list(child.reports(patience)):
                yield from answers
        except EOFError:
            return
        finally:
            child.close()

    def reserve(self) -> Child:
        """Return a living child without a job: send it one, or give it back.

        Raises:
            Unavailable: when no child can be had.
        """
        child = self._fork_or_ready()
        while not child.is_listening:
            child.close()
            child = self._fork_or_ready()
        self._wanted.release()
        return child

    def _fork_or_ready(self) -> Child:
        try:
            return self._ready.popleft()
        except IndexError:
            return self._fork()

    def _fork(self) -> Child:
        try:
            return self._running_zygote().fork()
        except Unavailable:  # the zygote was killed just now; a new one is started
            return self._running_zygote().fork()

    def live_until(self, moment: float) -> None:
        """Have all children killed at a moment, even if this process hangs or is suspended by then.

        Args:
            moment: a reading of ``time.monotonic``; a later call puts it off.
        """
        zygote = self._zygote
        if zygote is not None:
            zygote.limit(moment)

    def give_back(self, child: Child) -> None:
        """Keep a reserved child for later."""
        self._ready.append(child)

    def _running_zygote(self) -> _ZygoteClient:
        with self._lock:
            if self._closed:
                raise Unavailable("This process is stopping.")
            if self._zygote is None or self._zygote.gone:
                self._zygote = _ZygoteClient(self._settings)
            return self._zygote

    def _keep_filled(self) -> None:
        while not self._closed:
            self._wanted.acquire()
            try:
                while len(self._ready) < self._ahead and not self._closed:
                    self._ready.append(self._fork())
            except (Unavailable, StartupError) as problem:
                if not self._closed:
                    log.error("%s", problem.message)
                    time.sleep(1)
                    self._wanted.release()
