"""The process that children are forked from: warm, single-threaded, and the end of their trees.

A parent (the web or a worker) starts one zygote and asks it over a socket pair to fork. The
zygote has Luigi and the modules of ``DATANECTAR_PRELOAD`` imported already, so a child is ready in
milliseconds. It does no work itself: no threads, no connections, nothing of an author's code.

It also sees to it that nothing stays behind: when a child ends, the rest of its process group and
whatever it left orphaned is killed; when the parent ends, however it ends, every child is. A guard,
the zygote's own parent, does the same should the zygote itself be killed.

``multiprocessing``'s forkserver would need two more processes (a resource tracker, and a reaper of
process groups), imports the parent's ``__main__`` into each child, takes pickles from children and
skips in silence a preload that can't be imported.

Messages, five bytes each way: ``F`` fork (with the two pipe ends of the child, and the duty that it
is to be ready for, if it has time to get ready), ``K`` kill the child with this pid, ``L`` kill all
at this moment unless another ``L`` comes before (a worker that hangs can't kill its children when
its lease ends, and another host begins their runs again); back come ``R``, ready, with the guard's
pid, first of all, ``S`` started with this pid, and ``X``, exited, which four more bytes with the
wait status follow.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Collection
from pathlib import Path

from datanectar.execution.prefault import Pages, copy_ahead
from datanectar.execution.zygote_process import AS_NURSERY
from datanectar.lifeline import adopt_orphans, die_with_parent

MESSAGE = struct.Struct("!ci")
STATUS = struct.Struct("!i")
FORK, KILL, LIMIT, STARTED, EXITED, READY = b"F", b"K", b"L", b"S", b"X", b"R"
#: What a child may be made ready for (:mod:`datanectar.execution.prefault`); any child can do any job.
NOTHING, RESOLVE, RUN = 0, 1, 2
#: How often a second the clock of ``LIMIT`` ticks; it is the system's monotonic one.
TICKS = 10

#: What every child needs; imported here once.
PRELOAD = ("luigi", "datanectar.execution.child")
#: Does once what every child would do first.
WARM = "datanectar.execution.warm"


def main() -> None:
    """Serve the parent at the socket whose descriptor is the first argument; names to preload follow.

    With ``--nursery`` before them, fork such a zygote for each parent that sends a socket there.
    """
    control, names = socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]
    is_nursery = names[:1] == [AS_NURSERY]
    if is_nursery:
        die_with_parent(signal.SIGKILL)
    try:
        for name in (*PRELOAD, *names[is_nursery:]):
            importlib.import_module(name)
    except BaseException as problem:  # a preload is an author's choice: anything may happen in it
        sys.exit(f"DATANECTAR_PRELOAD: {name} can't be imported: {problem!r}")
    pages = _warm()
    if is_nursery:
        control = _fork_for_parents(control)
    _leave_guard(control)
    adopt_orphans()
    with contextlib.suppress(BrokenPipeError):  # the parent has gone meanwhile
        control.sendall(MESSAGE.pack(READY, os.getppid()))
        _Zygote(control, pages).serve()


def _warm() -> dict[int, Pages[int]]:
    """Warm and freeze this process; return the pages that its children will write to, by duty."""
    try:
        warm = importlib.import_module(WARM)
        resolution = warm.warm()
        _freeze()
        pages: dict[int, Pages[int]] = warm.pages_written(resolution)
    except Exception as problem:  # children then do for themselves what was to be done for them
        print(f"Children will start slower, warming failed: {problem!r}", file=sys.stderr)
        pages = {}
    _freeze()
    return pages


def _freeze() -> None:
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, pages that children share


def _fork_for_parents(requests: socket.socket) -> socket.socket:
    """Fork for each parent that asks; return in the fork, with the socket that the parent sent."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # they are not waited for: parents see their end
    with contextlib.suppress(BlockingIOError):
        requests.send(READY, socket.MSG_DONTWAIT)
    while True:
        _, descriptors, _, _ = socket.recv_fds(requests, 1, 1)
        control = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            requests.close()
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return control
        control.close()


def _leave_guard(control: socket.socket) -> None:
    """Go on in a fork; the process that there was waits for its end, and clears up after it."""
    adopt_orphans()
    pid = os.fork()
    if pid == 0:
        die_with_parent(signal.SIGTERM)
        return
    control.close()
    _, status = os.waitpid(pid, 0)
    _kill_strays_until_none_is_left()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


class _Zygote:
    def __init__(self, control: socket.socket, pages: dict[int, Pages[int]]) -> None:
        self.control = control
        self.pages = pages
        self.live: set[int] = set()
        self.ending = False
        self.limit: float | None = None
        self.wake_read, self.wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        self.wake_write.setblocking(False)
        signal.set_wakeup_fd(self.wake_write.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        """Fork, kill and reap until the parent goes."""
        try:
            while not self.ending and self._answer_one():
                self._reap()
                self._keep_limit()
        finally:
            self._end_all()

    def _end(self, *_: object) -> None:
        # No exception, which could hit the clearing up: the descriptor of signals wakes the loop.
        self.ending = True

    def _answer_one(self) -> bool:
        wait = None if self.limit is None else max(0.0, self.limit - time.monotonic())
        ready, _, _ = select.select([self.control, self.wake_read], [], [], wait)
        if self.wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                self.wake_read.recv(4096)
        if self.control not in ready:
            return True
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, MESSAGE.size, 2)
        except ConnectionResetError:
            return False
        if len(data) < MESSAGE.size:
            return False
        kind, number = MESSAGE.unpack(data)
        if kind == FORK:
            self._fork(number, *descriptors)
        elif kind == LIMIT:
            self.limit = number / TICKS
        elif number in self.live:  # otherwise it has ended: the pid may be another process's by now
            _kill_group(number)
        return True

    def _keep_limit(self) -> None:
        if self.limit is not None and time.monotonic() >= self.limit:
            self.limit = None
            for pid in self.live:
                _kill_group(pid)

    def _fork(self, duty: int, job: int, reports: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_child(duty, job, reports)
        os.close(job)
        os.close(reports)
        self.live.add(pid)
        self.control.sendall(MESSAGE.pack(STARTED, pid))

    def _become_child(self, duty: int, job: int, reports: int) -> None:
        code = 1
        try:
            os.setsid()
            die_with_parent(signal.SIGKILL)
            # What a task leaves orphaned is this child's while it lives: the task may need it.
            adopt_orphans()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for sock in (self.control, self.wake_read, self.wake_write):
                sock.close()
            if duty in self.pages:
                copy_ahead(self.pages[duty])
            from datanectar.execution import child

            code = child.main(job, reports)
        finally:
            os._exit(code)

    def _reap(self) -> None:
        # Until there is none: the system tells of several ends by one signal.
        while pid := _ended_child():
            if pid in self.live:
                _kill_group(pid)  # its pid is still held by the zombie, so it is still its group
            _, status = os.waitpid(pid, 0)
            if pid in self.live:
                self.live.discard(pid)
                with contextlib.suppress(OSError):
                    self.control.sendall(MESSAGE.pack(EXITED, pid) + STATUS.pack(status))
            # What the ended one left behind in sessions of its own is the zygote's now. When that
            # ends, it comes by here too: it may have left something in its turn.
            _kill_children(self.live)

    def _end_all(self) -> None:
        for pid in self.live:
            _kill_group(pid)
        self.live.clear()
        _kill_strays_until_none_is_left()


def _ended_child() -> int | None:
    """Return the pid of a child that has ended and is not reaped yet, or None."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return _ended_by_polling()
    with contextlib.suppress(ChildProcessError):
        result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return result.si_pid if result else None
    return None


def _ended_by_polling() -> int | None:
    import psutil

    children = psutil.Process().children()
    return next((p.pid for p in children if p.status() == psutil.STATUS_ZOMBIE), None)


def _kill_strays_until_none_is_left() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            _kill_children(but=())
            os.waitpid(-1, 0)


def _kill_children(but: Collection[int]) -> None:
    for pid in _children_of_this_process():
        if pid not in but:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _children_of_this_process() -> list[int]:
    try:
        listing = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return [int(pid) for pid in listing.split()]
    except OSError:  # no Linux, or a kernel without CONFIG_PROC_CHILDREN
        return []


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # the group, and the child in case it is not yet its leader
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
