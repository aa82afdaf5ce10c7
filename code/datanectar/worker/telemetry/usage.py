"""What the tasks of runs take of memory and CPU, as ``/metrics`` has it.

It is counted by the root task of their run: a run's type, chain and task are names from the code,
while the keys of its tasks are what an author's process says.
"""

from __future__ import annotations

from bisect import bisect_left

from datanectar.messages import TaskReport
from datanectar.runs.records import Run
from datanectar.statuses import DONE, FAILED
from datanectar.telemetry.counts import CPU_SECONDS, PEAK_BUCKETS, PEAK_MEMORY, PEAKS, count


def note_usage(run: Run, known: TaskReport | None, task: TaskReport) -> None:
    """Count what a report adds to the CPU time of a task, and the peak of its memory at its end."""
    path = (run.type, run.chain, run.task)
    if task.cpu_time is not None:
        before = (known and known.cpu_time) or 0.0
        count(CPU_SECONDS, *path, amount=task.cpu_time - before)
    if _is_measured(task) and not (known and _is_measured(known)):
        peak = task.peak_memory or 0
        count(PEAK_MEMORY, *path, PEAK_BUCKETS[bisect_left(PEAKS, peak)])
        count(f"{PEAK_MEMORY}_sum", *path, amount=peak)


def _is_measured(task: TaskReport) -> bool:
    return task.status in (DONE, FAILED) and task.peak_memory is not None
