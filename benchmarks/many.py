"""Runs of many small tasks: beside each other, eight at a time, in a row."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

from benchmarks.report import Figure, median
from benchmarks.stack import Caller, await_file, new_name, started
from tests.servers.stack import Stack

_CHAIN = "many_chain"


def measure(leaves: int = 200, row: int = 40, rounds: int = 5) -> list[Figure]:
    """Measure POST sent to the root's file on disk; in the same rounds, bare forks for the leaves.

    The floor forks a process for each leaf, as many at a time, which sleeps and writes a file.
    """
    jobs = {
        f"{leaves} trivial tasks": ("WideTask", {"leaves": leaves}, 1),
        f"{leaves} trivial tasks, workers = 2": ("WideByTwoTask", {"leaves": leaves}, 2),
        f"{leaves} tasks of 0.1 s, workers = 8": (
            "BusyTask",
            {"leaves": leaves, "seconds": 0.1},
            8,
        ),
        f"{row} tasks in a row": ("RowTask", {"place": row}, 1),
    }
    ours: dict[str, list[float]] = {name: [] for name in jobs}
    floors: dict[str, list[float]] = {name: [] for name in jobs}
    with started() as stack:
        for _ in range(rounds):
            for name, (task, parameters, workers) in jobs.items():
                ours[name].append(_seconds(stack, task, parameters))
                count = int(parameters.get("leaves", row))
                seconds = float(parameters.get("seconds", 0))
                floors[name].append(_forks(stack.project / "floor", count, workers, seconds))
    return [
        Figure("many", name, median(ours[name]), "s", rounds, "bare forks", median(floors[name]))
        for name in jobs
    ]


def _seconds(stack: Stack, task: str, parameters: dict[str, float]) -> float:
    caller = Caller(stack)
    began = time.perf_counter()
    await_file(stack.file(caller.post(task, _CHAIN, name=new_name(), **parameters)))
    taken = time.perf_counter() - began
    caller.close()
    return taken


def _forks(folder: Path, count: int, most: int, seconds: float) -> float:
    """Return how long so many forks take, so many at a time, that sleep and write a file each."""
    folder.mkdir(exist_ok=True)
    running: deque[int] = deque()
    began = time.perf_counter()
    for number in range(count):
        if len(running) == most:
            os.waitpid(running.popleft(), 0)
        running.append(_forked(folder / f"{new_name()}-{number}", seconds))
    for pid in running:
        os.waitpid(pid, 0)
    return time.perf_counter() - began


def _forked(file: Path, seconds: float) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            time.sleep(seconds)
            file.write_text(file.name)
        finally:
            os._exit(0)
    return pid
