"""The process that children are forked from: modules imported, single-threaded, without connections.

When a child ends, the rest of its process group and all that it left orphaned is killed. When a
parent ends, however it ends, all of its children are killed. A fork server may be shared by several
parents: what is imported is then in memory once, and a child can change its parent
(:mod:`.handover`).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from datanectar.forkserver import process_control, protocol
from datanectar.forkserver.handover import Handover, Handovers
from datanectar.forkserver.prefault import Ranges, prefault
from datanectar.forkserver.process_control import kill_group
from datanectar.forkserver.protocol import Message, receive, send

#: Called in each child with the descriptor on which its jobs arrive, the descriptor for its reports,
#: and a function that gets the child ready for a role; returns the child's exit code.
Target = Callable[[int, int, Callable[[str], None]], int]

#: How many rounds of other messages are handled at most before a pick-up has its reply.
_ROUNDS = 8
_NEVER = float("inf")


@dataclass(eq=False)
class _Parent:
    """A process that has children here, and when they are to be killed, by ``time.monotonic``."""

    control: socket.socket
    kill_at: float = _NEVER


class ForkServer:
    """Forks, kills and reaps children for its parents.

    Args:
        target: what each child calls.
        title: what the children's process titles begin with.
        pages: what children of a role will write to, by role.
    """

    def __init__(self, target: Target, title: str, pages: dict[str, Ranges[int]]) -> None:
        self._target = target
        self._title = title
        self._pages = pages
        self._parents: set[_Parent] = set()
        self._listener: socket.socket | None = None
        #: Which parent owns each living child, by pid; None: it was handed over.
        self._owners: dict[int, _Parent | None] = {}
        self._handovers = Handovers()
        #: The names that parents have asked for and that are still to be looked up.
        self._pick_ups: dict[_Parent, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._watch_signals()

    def _watch_signals(self) -> None:
        """Have signals end the wait for messages."""
        self._wake_up = socket.socketpair()
        for end in self._wake_up:
            end.setblocking(False)
        self._register(self._wake_up[0], lambda: self._wake_up[0].recv(4096))
        signal.set_wakeup_fd(self._wake_up[1].fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _stop(self, *_: object) -> None:
        self._stopping = True  # an exception could interrupt the clean-up

    def _register(self, sock: socket.socket, handle: Callable[[], object]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, handle)

    def add_parent(self, control: socket.socket) -> None:
        """Serve the parent at the other end of a socket."""
        parent = _Parent(control)
        self._parents.add(parent)
        self._register(control, lambda: self._handle_message(parent))
        with contextlib.suppress(BrokenPipeError):  # it has ended meanwhile
            send(control, Message(protocol.READY, os.getppid()))

    def listen(self, listener: socket.socket) -> None:
        """Serve each parent that sends its socket there, until nobody could send one any more."""
        self._listener = listener
        self._register(listener, lambda: self._accept(listener))
        with contextlib.suppress(BlockingIOError):
            listener.send(protocol.READY, socket.MSG_DONTWAIT)

    def _accept(self, listener: socket.socket) -> None:
        data, descriptors = b"", list[int]()
        with contextlib.suppress(ConnectionResetError):
            data, descriptors, _, _ = socket.recv_fds(listener, 1, 1)
        for descriptor in descriptors:
            self.add_parent(socket.socket(fileno=descriptor))
        if not data:
            self._selector.unregister(listener)
            listener.close()
            self._listener = None

    def serve(self) -> None:
        """Fork, kill and reap until SIGTERM, or until there is no parent and none can come."""
        try:
            while not self._stopping and (self._parents or self._listener):
                self._handle_messages()
                self._reap()
                self._kill_overdue()
        finally:
            for pid in self._owners:
                kill_group(pid)
            self._owners.clear()
            process_control.kill_descendants()

    def _handle_messages(self) -> None:
        """Handle messages; pick-ups last, since another parent's hand-over may not be read yet."""
        timeout = self._timeout()
        for _ in range(_ROUNDS):
            ready = self._selector.select(timeout)
            for key, _ in ready:
                key.data()
            if not (ready and self._pick_ups):
                break
            timeout = 0.0
        for parent in list(self._pick_ups):
            self._reply_to_pick_up(parent)

    def _timeout(self) -> float | None:
        """Return the seconds until a child may be overdue, None when none will be."""
        first = min(self._handovers.next_deadline(), *(p.kill_at for p in self._parents), _NEVER)
        return max(0.0, first - time.monotonic()) if first < _NEVER else None

    def _handle_message(self, parent: _Parent) -> None:
        if parent in self._pick_ups:  # replies are in the order of the requests
            self._reply_to_pick_up(parent)
        try:
            message, descriptors = receive(parent.control)
        except (EOFError, ConnectionResetError):
            self._remove_parent(parent)
            return
        if message.kind == protocol.FORK:
            self._fork(parent, message.name.decode(), descriptors)
        elif message.kind == protocol.KILL_AT:
            parent.kill_at = message.value
        elif message.kind == protocol.HAND_OVER:
            self._hand_over(parent, Handover(message, descriptors))
        elif message.kind == protocol.PICK_UP:
            self._pick_ups[parent] = message.name
        elif message.kind == protocol.KILL and self._owners.get(message.number) is parent:
            kill_group(message.number)  # else it has ended: its pid may be another's by now

    def _remove_parent(self, parent: _Parent) -> None:
        self._parents.discard(parent)
        self._selector.unregister(parent.control)
        parent.control.close()
        self._kill_children_of(parent)

    def _kill_children_of(self, parent: _Parent) -> None:
        for pid, owner in self._owners.items():
            if owner is parent:
                kill_group(pid)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for parent in self._parents:
            if now >= parent.kill_at:
                parent.kill_at = _NEVER
                self._kill_children_of(parent)
        for pid in self._handovers.remove_overdue():
            kill_group(pid)

    def _hand_over(self, parent: _Parent, handover: Handover) -> None:
        pid = handover.child.number
        if self._owners.get(pid) is not parent:  # it has ended
            handover.close()
            return
        self._owners[pid] = None
        if not self._handovers.add(handover):
            kill_group(pid)

    def _reply_to_pick_up(self, parent: _Parent) -> None:
        handover = self._handovers.pick_up(self._pick_ups.pop(parent))
        with contextlib.suppress(OSError):  # it has ended meanwhile, and its children will
            if handover is None:
                send(parent.control, Message(protocol.PICKED_UP))
                return
            self._owners[handover.child.number] = parent
            send(parent.control, handover.child._replace(kind=protocol.PICKED_UP), handover.pipes)
        if handover is not None:
            handover.close()

    def _fork(self, parent: _Parent, role: str, pipes: list[int]) -> None:
        pid = 0
        with contextlib.suppress(OSError):  # too many processes, or too little memory
            if len(pipes) == 2:  # this process had descriptors left for them
                pid = os.fork()
                if pid == 0:
                    self._run_child(role, *pipes)
                self._owners[pid] = parent
        for descriptor in pipes:
            os.close(descriptor)
        with contextlib.suppress(OSError):
            send(parent.control, Message(protocol.FORKED, pid))

    def _run_child(self, role: str, jobs: int, reports: int) -> None:
        code = 1
        try:
            os.setsid()
            process_control.prefer_oom_kill()
            process_control.die_with_parent(signal.SIGKILL)
            process_control.adopt_orphans()  # a job may wait for what its children leave orphaned
            self._reset_signals()
            self._close_in_child()
            process_control.set_title(f"{self._title}: child (idle)")
            self._get_ready(role)
            code = self._target(jobs, reports, self._get_ready)
        finally:
            os._exit(code)

    def _reset_signals(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _close_in_child(self) -> None:
        """Close what is the fork server's own."""
        self._selector.close()
        for sock in (*self._wake_up, *(p.control for p in self._parents), self._listener):
            if sock is not None:
                sock.close()
        self._handovers.close()

    def _get_ready(self, role: str) -> None:
        """Copy the pages, in a child, that its role will write to."""
        if role in self._pages:
            prefault(self._pages[role])

    def _reap(self) -> None:
        while pid := process_control.ended_child():  # one SIGCHLD may stand for several ends
            if pid in self._owners:
                kill_group(pid)  # the zombie still holds the pid, so it is still its group
            _, status = os.waitpid(pid, 0)
            if pid in self._owners:
                self._report_exit(pid, status)
            # This process has adopted what the child left in sessions of its own.
            process_control.kill_children(keep=self._owners)

    def _report_exit(self, pid: int, status: int) -> None:
        owner = self._owners.pop(pid)
        if owner is None:
            self._handovers.on_exit(pid)
        else:
            with contextlib.suppress(OSError):
                send(owner.control, Message(protocol.EXITED, pid, status))
