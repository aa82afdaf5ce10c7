"""Children as their parent sees them: forked ahead of need, given jobs, and limited in time."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from datanectar.forkserver.client import ForkServerClient, NoChild
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.launch import Spec

log = logging.getLogger(__name__)

#: Seconds without a job after which waiting children are replaced by such that share all memory.
_IDLE_AFTER = 10.0


class Pool:
    """Gives out children, and keeps some forked ahead, so that a job need not wait for a fork.

    Those that are forked while there is work get ready for a role at once. That takes memory, so
    when no child was taken for a while they are replaced by children that share all of theirs.

    Args:
        spec: the fork server to start, again when it was killed.
        ahead: how many idle children to keep.
        role: what most of them will do.
        listener: the descriptor of the socket on which to join a shared fork server, if there is one.
    """

    def __init__(self, spec: Spec, ahead: int, role: str = "", listener: int | None = None) -> None:
        self._spec = spec
        self._ahead = ahead
        self._role = role
        self._listener = listener
        self._idle: deque[Handle] = deque()
        self._lock = threading.Lock()
        self._fork_server: ForkServerClient | None = None
        self._isolated: list[ForkServerClient] = []
        self._taken = threading.Semaphore(0)
        self._closed = False

    def start(self) -> None:
        """Start the fork server and the first idle children.

        Raises:
            StartFailed: when a module that is to be preloaded can't be imported.
            NoChild: when a shared fork server was killed just now.
        """
        self._running_fork_server()
        threading.Thread(target=self._keep_filled, name="forks", daemon=True).start()

    def close(self) -> None:
        """Kill every child, and end the fork server unless it is shared."""
        self._closed = True
        self._taken.release()
        with self._lock:
            fork_server, self._fork_server = self._fork_server, None
        if fork_server:
            fork_server.close()
        self._discard_idle()

    def take(self, job: Any) -> Handle:
        """Return a child that has been sent ``job``.

        Raises:
            NoChild: when no child can be had.
        """
        for _ in range(self._ahead + 2):
            child = self.reserve()
            try:
                child.send(job)
            except BrokenPipeError:
                child.close()
                continue
            return child
        raise NoChild("No child process can be started; the log of this process says more.")

    def reserve(self) -> Handle:
        """Return a living child without a job: send it one, or close it.

        Raises:
            NoChild: when no child can be had.
        """
        child = self._idle_or_new()
        while not child.is_listening:
            child.close()
            child = self._idle_or_new()
        self._taken.release()
        return child

    @contextlib.contextmanager
    def isolated(self) -> Iterator[Handle]:
        """Give a child of a fork server of its own for the block: if it kills that, no other ends.

        Raises:
            NoChild: when no child can be had.
            StartFailed: when a module that is to be preloaded can't be imported.
        """
        with contextlib.closing(ForkServerClient(self._spec)) as fork_server:
            self._isolated.append(fork_server)
            try:
                with contextlib.closing(fork_server.fork(self._role)) as child:
                    yield child
            finally:
                self._isolated.remove(fork_server)

    def live_until(self, moment: float) -> None:
        """Have all children killed at a moment, even if this process hangs or is suspended by then.

        Args:
            moment: a reading of ``time.monotonic``; a later call puts it off.
        """
        for fork_server in [*self._isolated, self._fork_server]:
            if fork_server is not None:
                fork_server.kill_at(moment)

    @property
    def can_hand_over(self) -> bool:
        """Whether a child could change its parent: another process may share the fork server."""
        return self._shared is not None

    @property
    def _shared(self) -> ForkServerClient | None:
        fork_server = self._fork_server
        return fork_server if fork_server is not None and fork_server.is_shared else None

    def hand_over(self, child: Handle, name: str) -> None:
        """Let another process have a child, if it picks it up by this name soon; see :mod:`.handover`."""
        if shared := self._shared:
            shared.hand_over(child, name)
        else:
            child.close()

    def pick_up(self, name: str) -> Handle | None:
        """Return the living child that was handed over under a name, or None."""
        shared = self._shared
        child = shared.pick_up(name) if shared else None
        if child is not None and not child.is_listening:
            child.close()
            return None
        return child

    def _running_fork_server(self) -> ForkServerClient:
        with self._lock:
            if self._closed:
                raise NoChild("This process is stopping.")
            if self._fork_server is None or self._fork_server.is_gone:
                self._fork_server = ForkServerClient(self._spec, self._listener)
            return self._fork_server

    def _idle_or_new(self) -> Handle:
        try:
            return self._idle.popleft()
        except IndexError:
            return self._fork(self._role)

    def _fork(self, role: str = "") -> Handle:
        try:
            return self._running_fork_server().fork(role)
        except NoChild:  # the fork server was killed just now; another one is started
            return self._running_fork_server().fork(role)

    def _keep_filled(self) -> None:
        role = ""
        while not self._closed:
            self._fill(role)
            if self._taken.acquire(timeout=_IDLE_AFTER if role else None):
                role = self._role
            else:
                role = ""
                self._discard_idle()

    def _fill(self, role: str) -> None:
        try:
            while len(self._idle) < self._ahead and not self._closed:
                self._idle.append(self._fork(role))
        except (
            Exception
        ) as problem:  # whatever it is: without this thread every job waits for a fork
            if not self._closed:
                log.error("no child could be forked ahead: %s", problem)
                time.sleep(1)
                self._taken.release()

    def _discard_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.popleft().close()
