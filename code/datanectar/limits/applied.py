"""The limits of a task that its own process sets: resource limits, which programs that it starts inherit.

Limits for all processes of a task together are kept from outside (:mod:`datanectar.limits.watch`).
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from datanectar.authoring.needs import Needs, needs_of
from datanectar.forkserver.process_control import adopt_orphans
from datanectar.limits.usage import Usage
from datanectar.limits.wording import advice
from datanectar.settings import current
from datanectar.settings.sizes import size_in_words

_STATM = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


class OutOfCpuTime(BaseException):
    """A task has used its CPU time. It is no ``Exception``: ``except Exception`` lets it pass."""


class TooManyOpenFiles(OSError):
    """A task wants to open more files than it may."""


@contextlib.contextmanager
def limited(cls: type, usage: Usage) -> Iterator[None]:
    """Limit what the block may take to what a task class and the settings say.

    It is for a process that the task has for itself: the limits stay until that ends. Each process
    that the task starts has the same ones for itself. The kernel counts private memory that can be
    written (RLIMIT_DATA, see setrlimit(2)); what the process has already, such as imported modules,
    is free.

    Args:
        cls: the task's class.
        usage: what the task takes, for what is told of a limit.

    Raises:
        MemoryError, TooManyOpenFiles, OutOfCpuTime: naming the limit and what to do, when the block
            wants more.
    """
    needs = needs_of(cls)
    _apply(cls, needs)
    try:
        yield
    except (MemoryError, OSError) as problem:
        _lift(needs)  # to explain it takes memory and files, too
        code = errno.ENOMEM if isinstance(problem, MemoryError) else problem.errno
        if needs.memory is not None and code == errno.ENOMEM:
            text = f"{cls.__name__} wanted more than {advice(cls, 'memory')}"
            taken = size_in_words(usage.peak_memory)
            raise MemoryError(f"{text} Its process held {taken} at most.") from problem
        if needs.open_files is not None and code == errno.EMFILE:
            text = f"{cls.__name__} had no file left of {advice(cls, 'open_files')}"
            raise TooManyOpenFiles(errno.EMFILE, text) from problem
        raise


def _apply(cls: type, needs: Needs) -> None:
    if needs.is_watched:
        adopt_orphans()  # so that none of the task's processes is overlooked
    if needs.nice is not None:
        os.nice(max(0, needs.nice - os.nice(0)))
    if needs.oom_score_adj is not None:
        set_oom_score(needs.oom_score_adj)
    if needs.open_files is not None:
        _set_soft(resource.RLIMIT_NOFILE, needs.open_files)
    if needs.memory is not None and _STATM.exists():  # only Linux counts so
        _set_soft(resource.RLIMIT_DATA, _bytes_now() + needs.memory)
    if needs.cpu_time is not None:
        _limit_cpu_time(cls, needs.cpu_time)


def _lift(needs: Needs) -> None:
    for kind, limit in (
        (resource.RLIMIT_DATA, needs.memory),
        (resource.RLIMIT_NOFILE, needs.open_files),
    ):
        if limit is not None:
            _set_soft(kind, resource.getrlimit(kind)[1])


def set_oom_score(score: int) -> None:
    """Say how likely the kernel is to kill this process when memory runs out (Linux, proc(5))."""
    with contextlib.suppress(OSError):
        _OOM_SCORE.write_text(str(score))


def _limit_cpu_time(cls: type, seconds: float) -> None:
    """Have the kernel send SIGXCPU after so many seconds, and SIGKILL where that does not help."""

    def end(number: int, frame: FrameType | None) -> None:
        # Once: what cleans up is not interrupted.
        signal.signal(signal.SIGXCPU, lambda *_: None)
        raise OutOfCpuTime(f"{cls.__name__} used up {advice(cls, 'cpu_time')}")

    signal.signal(signal.SIGXCPU, end)
    soft = math.ceil(sum(os.times()[:2]) + seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    last = soft + 1 + math.ceil(current().kill_after)
    hard = last if hard == resource.RLIM_INFINITY else min(last, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))


def _set_soft(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    fits = hard == resource.RLIM_INFINITY or limit == resource.RLIM_INFINITY or limit <= hard
    resource.setrlimit(kind, (limit if fits else hard, hard))


def _bytes_now() -> int:
    """Return the bytes that count now: the sixth field of statm, in pages (proc(5))."""
    return int(_STATM.read_text().split()[5]) * resource.getpagesize()
