"""How many trivial runs a second, beside bare ``fork + luigi.build`` on the same cores."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.floor import Floor
from benchmarks.report import Figure, median
from benchmarks.stack import Caller, await_file, new_name, started
from tests.servers.processes import Stack


def measure(runs: int = 300, rounds: int = 3) -> list[Figure]:
    """POST so many runs as fast as they are taken and wait for the last result, in rounds."""
    with started() as stack:
        _ours(stack, min(runs, 20))  # warms up
        times = [(_ours(stack, runs), _floor(stack, runs)) for _ in range(rounds)]
    ours, floor = (runs / median(list(seconds)) for seconds in zip(*times, strict=True))
    name = f"trivial runs, {runs} in a row"
    return [Figure("throughput", name, ours, "/s", rounds, "fork + luigi.build", floor)]


def _ours(stack: Stack, runs: int) -> float:
    """Return the seconds from the first POST to the last result on disk."""
    names = iter([new_name() for _ in range(runs)])
    lock = threading.Lock()
    keys: list[str] = []

    def client() -> None:
        caller = Caller(stack)
        while name := _next(names, lock):
            keys.append(caller.post("TrivialTask", name=name))
        caller.close()

    began = time.perf_counter()
    _together([threading.Thread(target=client) for _ in range(2)])
    for key in keys:
        await_file(stack.file(key))
    return time.perf_counter() - began


def _floor(stack: Stack, runs: int) -> float:
    """Return the seconds for as many builds, as many at a time as the worker has slots."""
    names = iter([new_name() for _ in range(runs)])
    lock = threading.Lock()
    with ExitStack() as opened:
        floors = [
            opened.enter_context(Floor(stack.luigid_url, stack.project / "floor"))
            for _ in range(stack.settings.workers)
        ]

        def build(floor: Floor) -> None:
            while name := _next(names, lock):
                floor.begin("TrivialTask", name=name)
                floor.join()

        began = time.perf_counter()
        _together([threading.Thread(target=build, args=(floor,)) for floor in floors])
        return time.perf_counter() - began


def _next(names: Iterator[str], lock: threading.Lock) -> str | None:
    with lock:
        return next(names, None)


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
