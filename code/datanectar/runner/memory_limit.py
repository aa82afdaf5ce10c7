"""The memory that a task may take, as its class's ``memory`` declares."""

from __future__ import annotations

import contextlib
import errno
import resource
from collections.abc import Iterator
from pathlib import Path

from datanectar.authoring.needs import needs_of

_STATM = Path("/proc/self/statm")


@contextlib.contextmanager
def memory_limited(cls: type) -> Iterator[None]:
    """Limit what the block allocates to the ``memory`` of a task class, if it has one.

    It is for a process that the task has for itself: the limit stays until that ends. Each process
    that the task starts has the same limit. The kernel counts private memory that can be written
    (RLIMIT_DATA, see setrlimit(2)); what the process has already, such as imported modules, is free.

    Raises:
        MemoryError: naming the option and what to do, when the block wants more.
    """
    memory = needs_of(cls).memory
    if memory is None or not _STATM.exists():  # only Linux counts so
        yield
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_bytes_now() + memory, hard))
    try:
        yield
    except (MemoryError, OSError) as problem:
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))  # to explain it needs some, too
        if isinstance(problem, OSError) and problem.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"{cls.__name__} wanted more than {advice(cls)}") from problem


def advice(cls: type) -> str:
    """Return which limit a class has and what to do about it, as the end of a sentence."""
    declared = getattr(cls, "memory", None)
    return (
        f"its memory = {declared!r}: raise `memory` on the class if the machine has more, "
        "or let the task read and write piece by piece."
    )


def _bytes_now() -> int:
    """Return the bytes that count now: the sixth field of statm, in pages (proc(5))."""
    return int(_STATM.read_text().split()[5]) * resource.getpagesize()
