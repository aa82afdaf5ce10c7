"""A parent's connection to a fork server: sends requests, and passes notices on to the handles."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

import psutil

from datanectar.forkserver import protocol
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.launch import Spec, join, start
from datanectar.forkserver.protocol import Message, receive, send

#: Seconds that a fork server may take to import what it is to preload.
_START_LIMIT = 60.0
#: Seconds to wait for a child that was handed over; a new one comes sooner than that.
_PICK_UP_LIMIT = 1.0
#: Seconds that killed processes get to end.
_END_LIMIT = 10.0


class NoChild(Exception):
    """No child can be had now: the fork server is gone, or the system refuses a pipe or a process."""


class StartFailed(Exception):
    """A fork server did not start; it has printed why on stderr."""


@dataclass(eq=False)
class _Request:
    """A request without a reply so far; ``pipes`` are the parent's ends for the child that it asks for."""

    pipes: tuple[int, ...] = ()
    reply: Future[Handle | None] = field(default_factory=Future)


class ForkServerClient:
    """A parent's connection to one fork server.

    Args:
        spec: what to start.
        listener: the descriptor of the socket on which to join a shared one, if it can be joined.

    Raises:
        StartFailed: when it does not start.
        NoChild: when a shared one was killed just now.
    """

    def __init__(self, spec: Spec, listener: int | None = None) -> None:
        self._spec = spec
        self._socket, theirs = socket.socketpair()
        with theirs:
            #: Whether other parents have children there, to whom a child could be handed over.
            self.is_shared = listener is not None and join(theirs, listener)
            #: The fork server's own parent, which ends when all below it has ended.
            self.watchdog = None if self.is_shared else start(theirs, spec)
        self._sending = threading.Lock()
        self._requests: deque[_Request] = deque()
        #: The living children, by pid.
        self._live: dict[int, Handle] = {}
        self._closing = False
        self.is_gone = False
        self._await_ready()
        self._receiver = threading.Thread(target=self._receive, name="fork server", daemon=True)
        self._receiver.start()

    def _await_ready(self) -> None:
        self._socket.settimeout(_START_LIMIT)
        try:
            message, _ = receive(self._socket)
        except (EOFError, OSError):
            message = Message(protocol.EXITED)
        self._socket.settimeout(None)
        if message.kind == protocol.READY:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.watchdog = self.watchdog or psutil.Process(message.number)
            return
        self._socket.close()
        if self.is_shared:  # the process that started it starts another one
            raise NoChild("The process that children are forked from is gone.")
        self._kill_watchdog()
        raise StartFailed("The process that children are forked from did not start.")

    def fork(self, role: str = "") -> Handle:
        """Return a new child, which gets ready for a role while it waits for its job.

        Raises:
            NoChild: when the fork server is gone, or this process has no descriptors left.
        """
        job_read, job_write, report_read, report_write = _two_pipes()
        request = _Request((job_write, report_read))
        try:
            message = Message(protocol.FORK, name=role.encode())
            self._ask(request, message, [job_read, report_write])
        finally:
            _close([job_read, report_write])
        child = _result(request, _START_LIMIT)
        if child is None:
            if request.reply.cancelled():  # it hangs
                self._kill_watchdog()
            raise NoChild("The process that children are forked from is gone.")
        return child

    def hand_over(self, child: Handle, name: str) -> None:
        """Let another parent have a child, if it asks for this name soon; its handle is closed."""
        is_alive = self._live.get(child.pid) is child
        pipes = child.detach()
        if is_alive:
            self._live.pop(child.pid, None)
            message = Message(protocol.HAND_OVER, child.pid, child.started, name.encode())
            self._send(message, pipes)
        _close(pipes)

    def pick_up(self, name: str) -> Handle | None:
        """Return the living child that was handed over under a name, if there is one."""
        request = _Request()
        self._ask(request, Message(protocol.PICK_UP, name=name.encode()))
        return _result(request, _PICK_UP_LIMIT)

    def _ask(self, request: _Request, message: Message, pipes: Sequence[int] = ()) -> None:
        with self._sending:  # replies are in the order of the requests
            self._requests.append(request)
            try:
                send(self._socket, message, pipes)
            except OSError:
                self.is_gone = True
                self._requests.remove(request)
                _finish(request, None)

    def kill(self, child: Handle) -> None:
        """Have the child's process group killed; harmless when it has ended."""
        if self._live.get(child.pid) is child:
            self._send(Message(protocol.KILL, child.pid))

    def kill_at(self, moment: float) -> None:
        """Have every child killed at a moment, by ``time.monotonic``, unless a later call puts it off."""
        self._send(Message(protocol.KILL_AT, value=moment))

    def _send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        with contextlib.suppress(OSError), self._sending:
            send(self._socket, message, descriptors)

    def close(self) -> None:
        """End every child, and the fork server unless it is shared."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._receiver.join(_END_LIMIT)
        if not self.is_shared and not _wait_end(self.watchdog):
            self._kill_watchdog()

    def _kill_watchdog(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.watchdog is not None:
                self.watchdog.kill()
        _wait_end(self.watchdog)

    def _receive(self) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                while True:
                    message, descriptors = receive(self._socket)
                    if message.kind == protocol.EXITED:
                        child = self._live.pop(message.number, None)
                        if child is not None:  # else it was handed over, and had ended before
                            child.on_exit(int(message.value))
                    elif message.kind == protocol.FORKED:
                        self._on_reply(message.number, time.time())
                    elif message.kind == protocol.PICKED_UP:
                        self._on_reply(message.number, message.value, descriptors)
        finally:
            self._on_server_lost()

    def _on_reply(self, pid: int, started: float, pipes: Sequence[int] = ()) -> None:
        """Make the handle here: the next message may be the notice of the child's end."""
        request = self._requests.popleft()
        pipes = request.pipes or pipes
        child = None
        if len(pipes) == 2 and pid:
            child = self._live[pid] = Handle(self._spec, self.kill, pid, started, pipes)
        elif pid:  # picked up, and this process has no descriptors left
            self._send(Message(protocol.KILL, pid))
            _close(pipes)
        _finish(request, child)

    def _on_server_lost(self) -> None:
        """Kill what the children have started: they die with the fork server, their groups may not."""
        self.is_gone = True
        lost, self._live = list(self._live.values()), {}
        for child in lost:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
        for child in lost:
            with contextlib.suppress(psutil.NoSuchProcess):
                _wait_end(psutil.Process(child.pid))  # before its job is done anew
            child.on_exit(None)
        with self._sending:
            self._socket.close()
            while self._requests:
                _finish(self._requests.popleft(), None)
        if not (self.is_shared and self._closing):
            _wait_end(self.watchdog)


def _finish(request: _Request, child: Handle | None) -> None:
    """Give the reply to who waits for it; close what nobody waits for any more."""
    if child is None:
        _close(request.pipes)
    if request.reply.set_running_or_notify_cancel():
        request.reply.set_result(child)
    elif child is not None:
        child.close()


def _result(request: _Request, timeout: float) -> Handle | None:
    """Return the reply, or None and cancel the request when there is none in time."""
    try:
        return request.reply.result(timeout)
    except FutureTimeoutError:
        return None if request.reply.cancel() else request.reply.result()


def _two_pipes() -> list[int]:
    """Return the ends of two pipes, or raise NoChild and leave none."""
    ends: list[int] = []
    try:
        for _ in range(2):
            ends += os.pipe()
    except OSError as problem:
        _close(ends)
        raise NoChild(f"No child process can be started: {problem}.") from problem
    return ends


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _wait_end(process: psutil.Process | None) -> bool:
    """Wait until a process has ended; return False when it does not in time."""
    return process is None or not psutil.wait_procs([process], _END_LIMIT)[1]
