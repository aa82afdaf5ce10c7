"""What this process has counted, until it is added to what all processes have (``counters/``).

Counting neither reads nor writes anything: errors of the run store are counted while that is away.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping

#: A metric's name, and the values of its labels in their order.
Place = tuple[str, tuple[str, ...]]

#: Errors of what the service relies on, by part and kind.
ERRORS = "datanectar_errors_total"
#: Fires of schedules that started no run, workers that ended without saying so, and attempts that
#: ended with their worker or their process.
SCHEDULES_MISSED = "datanectar_schedules_missed_total"
WORKERS_LOST = "datanectar_workers_lost_total"
ATTEMPTS_LOST = "datanectar_attempts_lost_total"
#: What the tasks of runs take; the peaks are in buckets from 16 MiB to 64 GiB.
CPU_SECONDS = "datanectar_run_cpu_seconds_total"
PEAK_MEMORY = "datanectar_task_peak_memory_bytes"
PEAKS = tuple(float(2**power) for power in range(24, 37, 2))
PEAK_BUCKETS = (*(f"{peak:.0f}" for peak in PEAKS), "+Inf")

LUIGID, STORE, QUEUE, S3 = "luigid", "store", "queue", "s3"
#: The kinds of errors that one process tells apart; a server may send what it likes.
_MOST_KINDS = 100
OTHER = "other"
_KIND = re.compile(r"[A-Za-z0-9_.-]{1,60}\Z")

_lock = threading.Lock()
_waiting: defaultdict[Place, float] = defaultdict(float)
_kinds: set[tuple[str, str]] = set()
#: Takes errors in a process whose counts another one keeps.
_to_parent: Callable[[str, str], object] | None = None


def count(metric: str, *labels: str, amount: float = 1) -> None:
    """Count something.

    Args:
        metric: what is counted.
        labels: the values of its labels: names from the code, never from a request.
        amount: how much of it there is.
    """
    with _lock:
        _waiting[metric, labels] += amount


def count_error(part: str, kind: str | BaseException) -> None:
    """Count an error of a part of the service.

    Args:
        part: ``luigid``, ``store``, ``queue`` or ``s3``.
        kind: the error, or what its part calls that kind of errors.
    """
    name = kind if isinstance(kind, str) else type(_cause(kind)).__name__
    name = name if _KIND.match(name) else OTHER
    if _to_parent is not None:
        _to_parent(part, name)
        return
    with _lock:
        if len(_kinds) < _MOST_KINDS:
            _kinds.add((part, name))
        known = name if (part, name) in _kinds else OTHER
        _waiting[ERRORS, (part, known)] += 1


def send_errors(to_parent: Callable[[str, str], object] | None) -> None:
    """Have this process, a child, tell its parent of errors instead of counting them."""
    global _to_parent
    _to_parent = to_parent


def take() -> dict[Place, float]:
    """Return what has been counted since the last call."""
    with _lock:
        taken = dict(_waiting)
        _waiting.clear()
        return taken


def put_back(counts: Mapping[Place, float]) -> None:
    """Count again what could not be written."""
    with _lock:
        for place, amount in counts.items():
            _waiting[place] += amount


def _cause(problem: BaseException) -> BaseException:
    """Return what is behind an error of SQLAlchemy or urllib."""
    for name in ("orig", "reason"):
        inner = getattr(problem, name, None)
        if isinstance(inner, BaseException):
            return inner
    return problem
