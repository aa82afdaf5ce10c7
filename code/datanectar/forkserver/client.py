"""A parent's end of a fork server: asks it to fork, and passes on the news of its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from datanectar.errors import StartupError, Unavailable
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.process import ForkServerProcess
from datanectar.forkserver.protocol import (
    EXITED,
    FORK,
    KILL,
    LIMIT,
    OFFER,
    READY,
    STARTED,
    TAKE,
    TAKEN,
    Message,
    receive,
    send,
)
from datanectar.settings import Settings

#: Seconds that a fork server may take to import its preloads.
_FORK_SERVER_START = 60.0
#: Seconds to wait for a child that was offered: a new one is sooner there than one from a fork server that
#: is so busy.
_TAKE_LIMIT = 1.0
#: Seconds that killed processes get to be gone.
_END_LIMIT = 10.0


class _Question:
    """What was asked and not yet answered, and the parent's pipe ends of the child asked for."""

    def __init__(self, ends: tuple[int, int] | None = None) -> None:
        self.ends = ends
        self.given_up = False
        self.answer: SimpleQueue[Handle | None] = SimpleQueue()


class ForkServerClient:
    """A parent's end of one fork server: its own, or one that it shares if it may."""

    def __init__(self, settings: Settings, *, may_share: bool = True) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = ForkServerProcess(theirs, settings, may_share=may_share)
        self._socket = ours
        self._asking = threading.Lock()
        self._questions: deque[_Question] = deque()
        self._live: dict[int, Handle] = {}
        self._state = threading.Lock()
        self._closing = False
        self.gone = False
        self._await_ready()
        self._listener = threading.Thread(target=self._listen, name="fork server", daemon=True)
        self._listener.start()

    def _await_ready(self) -> None:
        self._socket.settimeout(_FORK_SERVER_START)
        try:
            message, _ = receive(self._socket)
        except (EOFError, OSError):
            message = Message(EXITED)
        self._socket.settimeout(None)
        if message.kind == READY:
            self._process.guard = message.number
            return
        self._socket.close()
        if self.is_shared:  # it was killed just now; whoever started it starts another
            raise Unavailable("The process that children are forked from is gone.")
        self._process.kill()
        self._process.wait(_END_LIMIT)
        raise StartupError(
            "The process that children are forked from did not start; "
            "is every module in DATANECTAR_PRELOAD importable? Its words stand above."
        )

    @property
    def is_shared(self) -> bool:
        """Whether other parents have children there, to whom a child could go over."""
        return self._process.is_shared

    def fork(self, duty: int) -> Handle:
        """Return a new child that waits for its job, and meanwhile gets ready for a duty.

        Raises:
            Unavailable: when the fork server is gone, or this process has no descriptors left.
        """
        (job_read, job_write), (report_read, report_write) = _two_pipes()
        question = _Question((job_write, report_read))
        try:
            self._put(question, Message(FORK, duty), [job_read, report_write])
        finally:
            os.close(job_read)
            os.close(report_write)
        try:
            child = question.answer.get(timeout=_FORK_SERVER_START)
        except Empty:
            self._process.kill()
            child = None
        if child is None:
            os.close(job_write)
            os.close(report_read)
            raise Unavailable("The process that children are forked from is gone.")
        return child

    def offer(self, child: Handle, name: str) -> None:
        """Let a child be another parent's, that asks for this name soon; it is this one's no more."""
        with self._state:
            mine = self._live.get(child.pid) is child
            if mine:
                del self._live[child.pid]
        job, reports = child.let_go()
        try:
            if mine:
                message = Message(OFFER, child.pid, child.started, name.encode())
                with contextlib.suppress(OSError), self._asking:
                    send(self._socket, message, [job, reports])
        finally:
            os.close(job)
            os.close(reports)

    def take(self, name: str) -> Handle | None:
        """Return the living child that was offered under a name, if there is one."""
        question = _Question()
        self._put(question, Message(TAKE, name=name.encode()))
        try:
            return question.answer.get(timeout=_TAKE_LIMIT)
        except Empty:
            with self._state:
                question.given_up = question.answer.empty()
            return None if question.given_up else question.answer.get()

    def _put(self, question: _Question, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Put a question; the answers come in the order of the questions."""
        try:
            with self._asking:
                self._questions.append(question)
                send(self._socket, message, descriptors)
        except OSError:
            self.gone = True
            question.answer.put(None)

    def kill(self, child: Handle) -> None:
        """Have the child's process group killed; harmless when it has ended."""
        with self._state:
            living = self._live.get(child.pid) is child
        if living:
            self._say(Message(KILL, child.pid))

    def limit(self, moment: float) -> None:
        """Have every child killed at a moment, a reading of ``time.monotonic``, unless it is put off."""
        self._say(Message(LIMIT, value=moment))

    def _say(self, message: Message) -> None:
        with contextlib.suppress(OSError), self._asking:
            send(self._socket, message)

    def close(self) -> None:
        """End every child, and the fork server if no other parent has children there."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._listener.join(_END_LIMIT)
        if not self.is_shared and not self._process.wait(_END_LIMIT):
            self._process.kill()
            self._process.wait(_END_LIMIT)

    def _listen(self) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                while True:
                    message, descriptors = receive(self._socket)
                    if message.kind == EXITED:
                        self._bury(message.number, int(message.value))
                    elif message.kind == STARTED:
                        self._answer(message, time.time())
                    elif message.kind == TAKEN:
                        self._answer(message, message.value, descriptors)
        finally:
            self._mourn()

    def _answer(self, message: Message, started: float, ends: Sequence[int] = ()) -> None:
        # Here and not by who asked: the news of the child's end may be the next message.
        question, pid = self._questions.popleft(), message.number
        ends = question.ends or ends
        if pid and len(ends) != 2:  # this process has no descriptors left
            self._say(Message(KILL, pid))
            for descriptor in ends:
                os.close(descriptor)
            pid = 0
        child = Handle(self, pid, started, *ends) if pid else None
        with self._state:
            if child is not None:
                self._live[pid] = child
            question.answer.put(child)
            unwanted = child if question.given_up else None
        if unwanted is not None:
            unwanted.close()

    def _bury(self, pid: int, status: int) -> None:
        with self._state:
            child = self._live.pop(pid, None)
        if child is not None:  # otherwise it was offered, and has ended before that was heard
            child.ended(status)

    def _mourn(self) -> None:
        """The fork server is gone. Its children die with it; what they started may not have."""
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
        while self._questions:
            self._questions.popleft().answer.put(None)
        if not (self.is_shared and self._closing):
            self._process.wait(_END_LIMIT)


def _two_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Return two pipes, or raise Unavailable and leave none."""
    first: tuple[int, int] | tuple[()] = ()
    try:
        first = os.pipe()
        return first, os.pipe()
    except OSError as problem:
        for descriptor in first:
            os.close(descriptor)
        raise Unavailable(f"No child process can be started: {problem}.") from problem


def _await_end(pid: int) -> None:
    """Wait until a killed process of the late fork server's is gone: its run may then begin anew."""
    deadline = time.monotonic() + _END_LIMIT
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.005)
