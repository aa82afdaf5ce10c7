"""The names by which luigid knows chains' tasks and runs' workers."""

from __future__ import annotations

#: How the reason of a task begins that has not failed, but whose process was stopped or lost.
INTERRUPTED = "interrupted: "


def luigid_name(type: str, chain: str, name: str) -> str:
    """Return luigid's name of a chain's task, or task family, that Luigi calls ``name``."""
    prefix = f"{type}.{chain}."
    return name if name.startswith(prefix) else prefix + name


def worker_id(run_id: str, assistant: int = 0) -> str:
    """Return the id of a run's Luigi worker.

    It is a function of the run: a later attempt or a cancel can report for a dead worker at once,
    as luigid believes whoever names ``worker_running`` (luigi/scheduler.py ``add_task``).

    Args:
        run_id: the run.
        assistant: 0 for the worker that owns the run, else the number of one that assists it.
    """
    return f"run-{run_id}" if assistant == 0 else f"run-{run_id}-{assistant}"
