"""The process that children are forked from: warm, single-threaded, and the end of their trees.

A parent (the web or a worker) starts one zygote and asks it over a socket pair to fork. The
zygote has Luigi and the modules of ``DATANECTAR_PRELOAD`` imported already, so a child is ready in
milliseconds. It does no work itself: no threads, no connections, nothing of an author's code.

It also sees to it that nothing stays behind: when a child ends, the rest of its process group and
whatever it left orphaned is killed; when the parent ends, however it ends, every child is.

``multiprocessing``'s forkserver would need two more processes (a resource tracker, and a reaper of
process groups), imports the parent's ``__main__`` into each child, takes pickles from children and
skips in silence a preload that can't be imported.

Messages, five bytes each way: ``F`` fork (with the two pipe ends of the child), ``K`` kill the
child with this pid; back come ``S`` started with this pid, and ``X``, exited, which four more bytes
with the wait status follow.
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
from pathlib import Path

from datanectar.lifeline import adopt_orphans, die_with_parent

MESSAGE = struct.Struct("!ci")
STATUS = struct.Struct("!i")
FORK, KILL, STARTED, EXITED, READY = b"F", b"K", b"S", b"X", b"R"

#: What every child needs; imported here once.
PRELOAD = ("luigi", "datanectar.execution.child")


def main() -> None:
    """Serve the parent at the socket whose descriptor is the first argument; names to preload follow."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        for name in (*PRELOAD, *sys.argv[2:]):
            importlib.import_module(name)
    except BaseException as problem:  # a preload is an author's choice: anything may happen in it
        sys.exit(f"DATANECTAR_PRELOAD: {name} can't be imported: {problem!r}")
    adopt_orphans()
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, pages that children share
    control.sendall(MESSAGE.pack(READY, os.getpid()))
    _Zygote(control).serve()


class _Zygote:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.live: set[int] = set()
        self.wake_read, self.wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        self.wake_write.setblocking(False)
        signal.set_wakeup_fd(self.wake_write.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        """Fork, kill and reap until the parent goes."""
        try:
            while self._answer_one():
                self._reap()
        finally:
            self._end_all()

    def _answer_one(self) -> bool:
        ready, _, _ = select.select([self.control, self.wake_read], [], [])
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
        kind, pid = MESSAGE.unpack(data)
        if kind == FORK:
            self._fork(*descriptors)
        elif pid in self.live:  # otherwise it has ended, and the number may be another process's
            _kill_group(pid)
        return True

    def _fork(self, job: int, reports: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_child(job, reports)
        os.close(job)
        os.close(reports)
        self.live.add(pid)
        self.control.sendall(MESSAGE.pack(STARTED, pid))

    def _become_child(self, job: int, reports: int) -> None:
        code = 1
        try:
            os.setsid()
            die_with_parent(signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for sock in (self.control, self.wake_read, self.wake_write):
                sock.close()
            from datanectar.execution import child

            code = child.main(job, reports)
        finally:
            os._exit(code)

    def _reap(self) -> None:
        for pid in _ended_children():
            if pid in self.live:
                _kill_group(pid)  # its pid is still held by the zombie, so it is still its group
            _, status = os.waitpid(pid, 0)
            if pid in self.live:
                self.live.discard(pid)
                with contextlib.suppress(OSError):
                    self.control.sendall(MESSAGE.pack(EXITED, pid) + STATUS.pack(status))
                self._kill_orphans()

    def _kill_orphans(self) -> None:
        """Kill what an ended child left behind in sessions of its own; it is the zygote's now."""
        for pid in _children_of_this_process():
            if pid not in self.live:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

    def _end_all(self) -> None:
        for pid in self.live:
            _kill_group(pid)
        self.live.clear()
        with contextlib.suppress(ChildProcessError):
            while True:
                self._kill_orphans()
                os.waitpid(-1, 0)


def _ended_children() -> list[int]:
    """Return pids of children that have ended, not reaped yet (one at a time where the system can)."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return _ended_by_polling()
    ended = []
    with contextlib.suppress(ChildProcessError):
        result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if result is not None:
            ended.append(result.si_pid)
    return ended


def _ended_by_polling() -> list[int]:
    import psutil

    return [p.pid for p in psutil.Process().children() if p.status() == psutil.STATUS_ZOMBIE]


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
