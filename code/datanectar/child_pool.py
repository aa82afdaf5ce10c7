"""Children that do datanectar's jobs: what a parent asks of them, and what went wrong when it fails.

It names to the fork server (:mod:`datanectar.forkserver`) what its children run, and knows which
message replies to which job.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from typing import Any

from datanectar import errors
from datanectar.errors import ChainError, StartupError, Unavailable
from datanectar.forkserver.client import NoChild, StartFailed
from datanectar.forkserver.handle import Handle
from datanectar.forkserver.launch import Spec
from datanectar.forkserver.pool import Pool
from datanectar.messages import (
    ChainDescription,
    DescribeJob,
    LogsUploaded,
    Refusal,
    Resolution,
    ResolveJob,
    UploadLogsJob,
    decode,
    encode,
)
from datanectar.messages.pages import Outline, OutlineJob, TableJob, TableRows
from datanectar.messages.plans import Needs, NeedsJob, Plan, PlanJob
from datanectar.settings import Settings

#: Names, in the environment of the web and the worker, the socket on which they join a fork server.
FORK_SERVER_VARIABLE = "DATANECTAR_FORK_SERVER"

#: Which message replies to a job. Whatever else a chain may send meanwhile does not.
_REPLIES: dict[type, type] = {
    DescribeJob: ChainDescription,
    PlanJob: Plan,
    NeedsJob: Needs,
    ResolveJob: Resolution,
    UploadLogsJob: LogsUploaded,
    TableJob: TableRows,
    OutlineJob: Outline,
}


class _Lost(Unavailable):
    """Raised when a child died with its fork server."""


def fork_server_spec(settings: Settings) -> Spec:
    """Return what a fork server for datanectar's jobs is."""
    paths = (str(settings.code), os.environ.get("PYTHONPATH", ""))
    environ = settings.environ_for_children(os.environ)
    environ.pop(FORK_SERVER_VARIABLE, None)
    return Spec(
        target="datanectar.child.main:main",
        encode=encode,
        decode=decode,
        preload=("datanectar.child.preload", *_of_engine(settings), *settings.preload),
        warmup="datanectar.child.warmup",
        title="datanectar",
        environ={**environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        folder=str(settings.code) if settings.code.is_dir() else None,
    )


def _of_engine(settings: Settings) -> tuple[str, ...]:
    """Return what each run imports for the engine, which takes Dask's client most of a second."""
    is_used = settings.engine == "dask" and find_spec("distributed") is not None
    return ("distributed",) if is_used else ()


class ChildPool(Pool):
    """The children of a parent, the web or a worker.

    They are forked by the fork server that ``datanectar up`` has started, else by one of their own.

    Args:
        settings: the settings in force.
        ahead: how many idle children to keep.
        role: the job that most of them will do; they get ready for it.
    """

    def __init__(self, settings: Settings, ahead: int, role: type | None = None) -> None:
        listener = os.environ.get(FORK_SERVER_VARIABLE)
        super().__init__(
            fork_server_spec(settings),
            ahead,
            role.__name__ if role else "",
            int(listener) if listener else None,
        )

    def start(self) -> None:
        """Start the fork server and the first idle children.

        Raises:
            StartupError: when a preload can't be imported.
            Unavailable: when no fork server can be had.
        """
        with _translated():
            super().start()

    def reserve(self) -> Handle:
        """Return a living child without a job: send it one, or close it.

        Raises:
            Unavailable: when no child can be had.
        """
        with _translated():
            return super().reserve()

    def take(self, job: Any) -> Handle:
        """Return a child that has been sent ``job``.

        Raises:
            Unavailable: when no child can be had.
        """
        with _translated():
            return super().take(job)

    @contextlib.contextmanager
    def isolated(self) -> Iterator[Handle]:
        """Give a child of a fork server of its own for the block: if it kills that, no other run ends.

        Raises:
            Unavailable: when no child can be had.
            StartupError: when a preload can't be imported.
        """
        with _translated(), super().isolated() as child:
            yield child

    def ask(self, job: Any, *, timeout: float, subject: str) -> Any:
        """Return a child's one reply to ``job``; see :meth:`ask_and_keep`."""
        reply, child = self.ask_and_keep(job, timeout=timeout, subject=subject)
        child.close()
        return reply

    def ask_and_keep(self, job: Any, *, timeout: float, subject: str) -> tuple[Any, Handle]:
        """Return a child's reply to ``job``, and the child, which is the caller's to close.

        Args:
            job: what to do.
            timeout: seconds that it may take.
            subject: the chain's name, for error messages.

        Raises:
            ChainError: when the child takes too long or ends without a reply.
            Unavailable: when children die before they can reply, by no fault of the chain's.
            DatanectarError: what the child refused the job with.
        """
        try:
            return self._ask_once(job, timeout, subject)
        except _Lost:  # with the fork server; there is another one by now
            return self._ask_once(job, timeout, subject)

    def _ask_once(self, job: Any, timeout: float, subject: str) -> tuple[Any, Handle]:
        child = self.take(job)
        try:
            return first_reply(child, timeout, subject, _REPLIES.get(type(job), object)), child
        except BaseException:
            child.close()
            raise

    def ask_for_each(self, job: Any, *, patience: float) -> Generator[Any, None, None]:
        """Yield a child's replies to ``job`` until it ends, or none comes for ``patience`` seconds.

        Raises:
            Unavailable: when no child can be had.
        """
        child = self.take(job)
        try:
            while replies := list(child.reports(patience)):
                yield from replies
        except EOFError:
            return
        finally:
            child.close()


def first_reply(child: Handle, timeout: float, subject: str, kind: type) -> Any:
    """Return the child's first reply of a kind; see :meth:`ChildPool.ask_and_keep` for what is raised."""
    deadline = time.monotonic() + timeout
    try:
        while (left := deadline - time.monotonic()) > 0:
            for reply in child.reports(left):
                if isinstance(reply, Refusal):
                    raise errors.by_name(reply.error)(reply.message, fields=reply.fields)
                if isinstance(reply, kind):
                    return reply
    except EOFError:
        raise _no_reply(child, subject) from None
    raise ChainError(
        f"{subject}: its import took longer than {timeout:g} s (DATANECTAR_IMPORT_TIMEOUT)."
    )


def _no_reply(child: Handle, subject: str) -> Exception:
    """Return the error that says why a child has ended without a reply."""
    end = child.wait_end()
    if child.is_lost:
        return _Lost(f"{subject}: the child was {end}; try again.")
    if child.decode_error:
        return ChainError(f"{subject}: its answer can't be used ({child.decode_error}).")
    return ChainError(f"{subject}: its import ended the process ({end}).")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raise the fork server's errors as datanectar's."""
    try:
        yield
    except NoChild as problem:
        raise Unavailable(str(problem)) from problem
    except StartFailed as problem:
        raise StartupError(
            f"{problem} Is every module in DATANECTAR_PRELOAD importable? See its output above."
        ) from problem
