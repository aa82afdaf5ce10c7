"""The parent's end of a zygote: asks it to fork, and passes on the news of its children."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import threading
import time
from collections import deque

from datanectar.errors import StartupError, Unavailable
from datanectar.execution.child_process import Child
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
from datanectar.execution.zygote_process import ZygoteProcess
from datanectar.settings import Settings

#: Seconds that a zygote may take to import its preloads.
_ZYGOTE_START = 60.0
#: Seconds that killed processes get to be gone.
_END_LIMIT = 10.0


class ZygoteClient:
    """The parent's end of one zygote."""

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = ZygoteProcess(theirs, settings)
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
        kind, self._process.guard = MESSAGE.unpack(message or MESSAGE.pack(EXITED, 0))
        if kind != READY:
            self._process.kill()
            self._process.wait(_END_LIMIT)
            self._socket.close()
            raise StartupError(
                "The process that children are forked from did not start; "
                "is every module in DATANECTAR_PRELOAD importable? Its words stand above."
            )

    def fork(self, duty: int) -> Child:
        """Return a new child that waits for its job, and meanwhile gets ready for a duty."""
        job_read, job_write = os.pipe()
        report_read, report_write = os.pipe()
        answered = threading.Event()
        try:
            with self._asking:
                self._started.append(answered)
                message = MESSAGE.pack(FORK, duty)
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
        """Have the child's process group killed; harmless when it has ended."""
        with self._state:
            living = self._live.get(child.pid) is child
        if living:
            with contextlib.suppress(OSError), self._asking:
                self._socket.sendall(MESSAGE.pack(KILL, child.pid))

    def limit(self, moment: float) -> None:
        """Have every child killed at a moment, a reading of ``time.monotonic``, unless it is put off."""
        with contextlib.suppress(OSError), self._asking:
            self._socket.sendall(MESSAGE.pack(LIMIT, math.ceil(moment * TICKS)))

    def close(self) -> None:
        """End the zygote, and with it every child."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._process.wait(_END_LIMIT):
            self._process.kill()
            self._process.wait(_END_LIMIT)

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
        self._process.wait(_END_LIMIT)


def _await_end(pid: int) -> None:
    """Wait until a killed process of the late zygote's is gone: its run may then begin anew."""
    deadline = time.monotonic() + _END_LIMIT
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.005)
