"""Children as their parent sees them: started ahead of need, given one job, and limited.

The parent owns the truth about a child: it alone says when time is up, and it learns from the
fork server how the child ended, whatever the child itself could still report.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

from datanectar import errors
from datanectar.errors import ChainError, Unavailable
from datanectar.forkserver.client import ForkServerClient
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.protocol import NOTHING
from datanectar.messages import (
    ChainDescription,
    DescribeJob,
    LogsUploaded,
    Refusal,
    Resolution,
    ResolveJob,
    UploadLogsJob,
)
from datanectar.settings import Settings

log = logging.getLogger(__name__)

#: Seconds that a child which was given a job has the processors to itself before the next one gets
#: ready, as long as there is still one that waits.
_HEAD_START = 0.03
#: Seconds without a job after which waiting children give back the memory that readiness takes.
_CALM = 10.0


class _Lost(Unavailable):
    """Raised when a child died with its fork server."""


class Pool:
    """Gives out children, keeping some forked ahead so that a request need not wait for a fork.

    Those forked while there is work are made ready for the usual duty. That takes some memory, so
    when nobody has come for a while they are replaced by children that share all theirs.

    Args:
        settings: the settings in force.
        ahead: how many idle children to keep.
        duty: what most of them will do, ``RESOLVE`` or ``RUN``.
    """

    def __init__(self, settings: Settings, ahead: int, duty: int = NOTHING) -> None:
        self._settings = settings
        self._ahead = ahead
        self._duty = duty
        self._ready: deque[Handle] = deque()
        self._lock = threading.Lock()
        self._fork_server: ForkServerClient | None = None
        self._fork_servers_apart: set[ForkServerClient] = set()
        self._wanted = threading.Semaphore(0)
        self._closed = False
        self._filler: threading.Thread | None = None

    def start(self) -> None:
        """Start the fork server and the first idle children.

        Raises:
            StartupError: when a preload can't be imported.
        """
        self._running_fork_server()
        self._filler = threading.Thread(target=self._keep_filled, name="forks", daemon=True)
        self._filler.start()
        self._wanted.release()

    def close(self) -> None:
        """Kill every child and end the fork server."""
        self._closed = True
        self._wanted.release()
        with self._lock:
            fork_server, self._fork_server = self._fork_server, None
        if fork_server:
            fork_server.close()
        self._discard_ready()

    def take(self, job: Any) -> Handle:
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
        """Return a child's one answer to ``job``; see :meth:`meet`."""
        answer, child = self.meet(job, timeout=timeout, subject=subject)
        child.close()
        return answer

    def meet(self, job: Any, *, timeout: float, subject: str) -> tuple[Any, Handle]:
        """Return a child's first answer to ``job``, and the child, which is the caller's to close.

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
            return self._meet(job, timeout, subject)
        except _Lost:  # with the fork server; there is another by now
            return self._meet(job, timeout, subject)

    def _meet(self, job: Any, timeout: float, subject: str) -> tuple[Any, Handle]:
        child = self.take(job)
        try:
            return _first_answer(child, timeout, subject, _ANSWERS.get(type(job), object)), child
        except BaseException:
            child.close()
            raise

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

    def reserve(self) -> Handle:
        """Return a living child without a job: send it one, or close it.

        Raises:
            Unavailable: when no child can be had.
        """
        child = self._fork_or_ready()
        while not child.is_listening:
            child.close()
            child = self._fork_or_ready()
        self._wanted.release()
        return child

    @contextlib.contextmanager
    def apart(self) -> Iterator[Handle]:
        """Give a child below a fork server of its own for the block: what it does to that harms no other.

        Raises:
            Unavailable: when no child can be had.
            StartupError: when a preload can't be imported.
        """
        fork_server = ForkServerClient(self._settings, may_share=False)
        with contextlib.closing(fork_server):
            with self._lock:
                self._fork_servers_apart.add(fork_server)
            try:
                with contextlib.closing(fork_server.fork(self._duty)) as child:
                    yield child
            finally:
                with self._lock:
                    self._fork_servers_apart.discard(fork_server)

    def _fork_or_ready(self) -> Handle:
        try:
            return self._ready.popleft()
        except IndexError:  # it copies what it will write to at once, rather than page by page
            return self._fork(self._duty)

    def _fork(self, duty: int = NOTHING) -> Handle:
        try:
            return self._running_fork_server().fork(duty)
        except Unavailable:  # the fork server was killed just now; a new one is started
            return self._running_fork_server().fork(duty)

    def live_until(self, moment: float) -> None:
        """Have all children killed at a moment, even if this process hangs or is suspended by then.

        Args:
            moment: a reading of ``time.monotonic``; a later call puts it off.
        """
        with self._lock:
            fork_servers = [
                *self._fork_servers_apart,
                *([self._fork_server] if self._fork_server else []),
            ]
        for fork_server in fork_servers:
            fork_server.limit(moment)

    @property
    def can_be_handed_on(self) -> bool:
        """Whether a child of this process could go over to another: they share the fork server."""
        fork_server = self._fork_server
        return fork_server is not None and fork_server.is_shared

    def offer(self, child: Handle, name: str) -> None:
        """Hand a child on to whoever soon asks for this name, if anybody can; it is theirs now."""
        fork_server = self._fork_server
        if fork_server is not None and fork_server.is_shared:
            fork_server.offer(child, name)
        else:
            child.close()

    def pick_up(self, name: str) -> Handle | None:
        """Return the living child that was offered under a name, or None."""
        fork_server = self._fork_server
        child = (
            fork_server.take(name) if fork_server is not None and fork_server.is_shared else None
        )
        if child is not None and not child.is_listening:
            child.close()
            return None
        return child

    def _running_fork_server(self) -> ForkServerClient:
        with self._lock:
            if self._closed:
                raise Unavailable("This process is stopping.")
            if self._fork_server is None or self._fork_server.gone:
                self._fork_server = ForkServerClient(self._settings)
            return self._fork_server

    def _keep_filled(self) -> None:
        duty = NOTHING
        self._wanted.acquire()
        while not self._closed:
            if self._ready:
                time.sleep(_HEAD_START)
            try:
                while len(self._ready) < self._ahead and not self._closed:
                    self._ready.append(self._fork(duty))
            except Exception as problem:  # whatever it is: without this thread every request forks
                if not self._closed:
                    log.error("no child could be started ahead: %s", problem)
                    time.sleep(1)
                    self._wanted.release()
            if self._wanted.acquire(timeout=_CALM if duty else None):
                duty = self._duty
            else:
                duty = NOTHING
                self._discard_ready()

    def _discard_ready(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._ready.popleft().close()


#: What answers a job; whatever else a chain may have sent meanwhile does not.
_ANSWERS: dict[type, type] = {
    DescribeJob: ChainDescription,
    ResolveJob: Resolution,
    UploadLogsJob: LogsUploaded,
}


def _first_answer(child: Handle, timeout: float, subject: str, kind: type) -> Any:
    """Return the child's answer of a kind; see :meth:`Children.meet` for what is raised."""
    deadline = time.monotonic() + timeout
    try:
        while (left := deadline - time.monotonic()) > 0:
            for answer in child.reports(left):
                if isinstance(answer, Refusal):
                    raise errors.by_name(answer.error)(answer.message, fields=answer.fields)
                if isinstance(answer, kind):
                    return answer
    except EOFError:
        end = child.wait_end()
        if child.is_lost:
            raise _Lost(f"{subject}: the child was {end}; try again.") from None
        if child.refused:
            raise ChainError(f"{subject}: its answer can't be used ({child.refused}).") from None
        raise ChainError(f"{subject}: its import ended the process ({end}).") from None
    raise ChainError(
        f"{subject}: its import took longer than {timeout:g} s (DATANECTAR_IMPORT_TIMEOUT)."
    )
