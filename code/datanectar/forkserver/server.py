"""The process that children are forked from: warm, single-threaded, and the end of their trees.

A parent, the web or a worker, asks it over a socket to fork (:mod:`datanectar.forkserver.protocol`). The
fork server has Luigi and the modules of ``DATANECTAR_PRELOAD`` imported already, so a child is ready in
milliseconds. It does no work itself: no threads, no connections, nothing of an author's code.

It also sees to it that nothing stays behind: when a child ends, the rest of its process group and
whatever it left orphaned is killed; when a parent ends, however it ends, every child of its is. A
guard, the fork server's own parent, does the same should the fork server itself be killed.

A fork server that several parents share keeps what they have loaded in memory once, and lets a child
change hands: the one that has read a request's parameters for the web goes on to run the task for
the worker. Until the worker asks for it, it belongs to nobody, and not for long.

``multiprocessing``'s forkserver would need two more processes (a resource tracker, and a reaper of
process groups), imports the parent's ``__main__`` into each child, takes pickles from children and
skips in silence a preload that can't be imported.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from datanectar.forkserver.offers import Offer, Offers
from datanectar.forkserver.parent_death import adopt_orphans, be_first_to_go, die_with_parent
from datanectar.forkserver.prefault import Pages, copy_ahead
from datanectar.forkserver.process import SHARED
from datanectar.forkserver.protocol import (
    EXITED,
    FORK,
    KILL,
    LIMIT,
    OFFER,
    READY,
    RESOLVE,
    RUN,
    RUN_TOO,
    STARTED,
    TAKE,
    TAKEN,
    Message,
    receive,
    send,
)
from datanectar.forkserver.reaper import (
    ended_child,
    kill_children,
    kill_descendants,
    kill_group,
)
from datanectar.optional_imports import left_out

#: What every child needs; imported here once.
PRELOAD = ("luigi", "datanectar.child.main")
#: Does once what every child would do first.
WARM = "datanectar.child.warmup"

#: So many messages of others at most are read before who would take a child has an answer.
_PASSES = 8


def main() -> None:
    """Serve the parent at the socket whose descriptor is the first argument; names to preload follow.

    With ``--shared`` before them, serve each parent whose socket is sent there.
    """
    sock, names = socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]
    is_shared = names[:1] == [SHARED]
    # Luigi would take requests for its calls to luigid (luigi/rpc.py), which children make in another
    # way; and its retries bring tornado and asyncio, for functions that nobody retries here
    # (tenacity/__init__.py). Of a hundred modules and more every fork would copy the page tables.
    with left_out("requests", "tornado"):
        _import(PRELOAD)
    _import(names[is_shared:])
    pages = _warm()
    _leave_guard(sock)
    adopt_orphans()
    fork_server = _ForkServer(pages)
    if is_shared:
        fork_server.welcome_who_come(sock)
    else:
        fork_server.welcome(sock)
    fork_server.serve()


def _import(names: Sequence[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except (
            BaseException
        ) as problem:  # a preload is an author's choice: anything may happen in it
            sys.exit(f"DATANECTAR_PRELOAD: {name} can't be imported: {problem!r}")


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


def _leave_guard(sock: socket.socket) -> None:
    """Go on in a fork; the process that there was waits for its end, and clears up after it."""
    adopt_orphans()
    pid = os.fork()
    if pid == 0:
        die_with_parent(signal.SIGTERM)
        return
    sock.close()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    _, status = os.waitpid(pid, 0)
    kill_descendants()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


@dataclass(eq=False)
class _Parent:
    """A process that has children here, and until when it may."""

    control: socket.socket
    limit: float = float("inf")


class _ForkServer:
    def __init__(self, pages: dict[int, Pages[int]]) -> None:
        self.pages = pages
        self.parents: list[_Parent] = []
        self.door: socket.socket | None = None
        #: By pid, whose each living child is.
        self.owners: dict[int, _Parent | None] = {}
        self.offers = Offers()
        self.ending = False
        self.wake_read, self.wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        self.wake_write.setblocking(False)
        signal.set_wakeup_fd(self.wake_write.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def welcome(self, control: socket.socket) -> None:
        """Serve a parent from now on."""
        with contextlib.suppress(BrokenPipeError):  # it has gone meanwhile
            send(control, Message(READY, os.getppid()))
        self.parents.append(_Parent(control))

    def welcome_who_come(self, door: socket.socket) -> None:
        """Serve whoever sends a socket there, as long as there is anybody who could; say so there."""
        self.door = door
        with contextlib.suppress(BlockingIOError):
            door.send(READY, socket.MSG_DONTWAIT)

    def serve(self) -> None:
        """Fork, kill and reap until nobody is left to do it for."""
        try:
            while not self.ending and (self.parents or self.door):
                self._answer()
                self._reap()
                self._end_what_is_over()
        finally:
            self._end_all()

    def _end(self, *_: object) -> None:
        # No exception, which could hit the clearing up: the descriptor of signals wakes the loop.
        self.ending = True

    def _answer(self) -> None:
        """Do what parents ask for; who would take an offer is answered after who may be making it."""
        takers: dict[_Parent, bytes] = {}
        patience = self._patience()
        for _ in range(_PASSES):
            ready = self._readable(takers, patience)
            for sock, parent in ready.items():
                if parent is not None:
                    self._answer_one(parent, takers)
                elif sock is self.door:
                    self._open_door(sock)
                else:
                    with contextlib.suppress(BlockingIOError):
                        sock.recv(4096)
            if not ready or not takers:
                break
            patience = 0.0
        for parent, name in takers.items():
            self._pass_on(parent, name)

    def _readable(
        self, but: Collection[_Parent], seconds: float | None
    ) -> dict[socket.socket, _Parent | None]:
        """Return the sockets on which there is something to read, and whose they are."""
        sockets: dict[socket.socket, _Parent | None] = {self.wake_read: None}
        if self.door:
            sockets[self.door] = None
        sockets |= {parent.control: parent for parent in self.parents if parent not in but}
        ready, _, _ = select.select(sockets, [], [], seconds)
        return {sock: sockets[sock] for sock in ready}

    def _patience(self) -> float | None:
        """Return the seconds until something may be over, None when nothing is limited."""
        first = min([self.offers.first_end(), *(parent.limit for parent in self.parents)])
        return max(0.0, first - time.monotonic()) if first < float("inf") else None

    def _open_door(self, door: socket.socket) -> None:
        data, descriptors = b"", list[int]()
        with contextlib.suppress(ConnectionResetError):
            data, descriptors, _, _ = socket.recv_fds(door, 1, 1)
        for descriptor in descriptors:
            self.welcome(socket.socket(fileno=descriptor))
        if not data:  # nobody is left who could knock
            door.close()
            self.door = None

    def _answer_one(self, parent: _Parent, takers: dict[_Parent, bytes]) -> None:
        try:
            message, descriptors = receive(parent.control)
        except (EOFError, ConnectionResetError):
            self._part_with(parent)
            return
        if message.kind == FORK:
            self._fork(parent, message.number, descriptors)
        elif message.kind == LIMIT:
            parent.limit = message.value
        elif message.kind == OFFER:
            self._keep_offer(parent, Offer(message, descriptors))
        elif message.kind == TAKE:
            takers[parent] = message.name
        elif message.kind == KILL and self.owners.get(message.number) is parent:
            kill_group(message.number)  # otherwise it has ended: the pid may be another's by now

    def _part_with(self, parent: _Parent) -> None:
        self.parents.remove(parent)
        parent.control.close()
        self._kill_all_of(parent)

    def _kill_all_of(self, parent: _Parent) -> None:
        for pid, owner in self.owners.items():
            if owner is parent:
                kill_group(pid)

    def _end_what_is_over(self) -> None:
        now = time.monotonic()
        for parent in self.parents:
            if now >= parent.limit:
                parent.limit = float("inf")
                self._kill_all_of(parent)
        for pid in self.offers.withdraw_overdue():
            kill_group(pid)

    def _keep_offer(self, parent: _Parent, offer: Offer) -> None:
        pid = offer.child.number
        if self.owners.get(pid) is not parent:  # it has ended
            offer.close()
            return
        self.owners[pid] = None
        if not self.offers.add(offer):
            kill_group(pid)

    def _pass_on(self, parent: _Parent, name: bytes) -> None:
        offer = self.offers.take(name)
        with contextlib.suppress(OSError):  # it has gone meanwhile, and the child goes with it
            if offer is None:
                send(parent.control, Message(TAKEN))
                return
            self.owners[offer.child.number] = parent
            send(parent.control, offer.child._replace(kind=TAKEN), offer.descriptors)
        if offer is not None:
            offer.close()

    def _fork(self, parent: _Parent, duty: int, ends: list[int]) -> None:
        """Fork a child for a parent, or tell it that there is none: the pid is 0 then."""
        pid = 0
        with contextlib.suppress(OSError):  # too many processes, or too little memory
            if len(ends) == 2:  # all have arrived: this process has descriptors left
                pid = os.fork()
                if pid == 0:
                    self._become_child(duty, *ends)
                self.owners[pid] = parent
        for descriptor in ends:
            os.close(descriptor)
        with contextlib.suppress(OSError):
            send(parent.control, Message(STARTED, pid))

    def _become_child(self, duty: int, job: int, reports: int) -> None:
        code = 1
        try:
            os.setsid()
            be_first_to_go()
            die_with_parent(signal.SIGKILL)
            # What a task leaves orphaned is this child's while it lives: the task may need it.
            adopt_orphans()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._let_go()
            self._get_ready(duty)
            from datanectar.child import main as child

            next_duty = RUN_TOO if duty == RESOLVE else RUN
            code = child.main(
                job, reports, lambda: self._get_ready(next_duty), at_once=not self.offers.queue_up
            )
        finally:
            os._exit(code)

    def _let_go(self) -> None:
        """Close, in a child, what is the fork server's own."""
        doors = [self.door] if self.door else []
        for sock in (self.wake_read, self.wake_write, *doors, *(p.control for p in self.parents)):
            sock.close()
        self.offers.close()

    def _get_ready(self, duty: int) -> None:
        if duty in self.pages:
            copy_ahead(self.pages[duty])

    def _reap(self) -> None:
        # Until there is none: the system tells of several ends by one signal.
        while pid := ended_child():
            if pid in self.owners:
                kill_group(pid)  # its pid is still held by the zombie, so it is still its group
            _, status = os.waitpid(pid, 0)
            if pid in self.owners:
                self._tell_end(pid, status)
            # What the ended one left behind in sessions of its own is the fork server's now. When that
            # ends, it comes by here too: it may have left something in its turn.
            kill_children(self.owners)

    def _tell_end(self, pid: int, status: int) -> None:
        owner = self.owners.pop(pid)
        if owner is None:
            self.offers.withdraw(pid)
        else:
            with contextlib.suppress(OSError):
                send(owner.control, Message(EXITED, pid, status))

    def _end_all(self) -> None:
        for pid in self.owners:
            kill_group(pid)
        self.owners.clear()
        kill_descendants()


if __name__ == "__main__":
    main()
