"""How many trivial runs a second, beside bare ``fork + luigi.build`` on the same cores."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial

from benchmarks.floor import Floor
from benchmarks.report import Figure, median
from benchmarks.stack import Caller, await_file, new_name, started
from tests.servers.stack import Stack

#: Clients that POST one after another, and such that wait for each result before the next POST.
_POSTING, _WAITING = 2, 8


def measure(runs: int = 300, rounds: int = 5) -> list[Figure]:
    """POST so many runs as fast as they are taken, then as fast as they are done, in rounds."""
    ways = {f"{runs} in a row": _in_a_row, f"{_WAITING} at a time": _at_a_time}
    with started() as stack:
        _in_a_row(stack, min(runs, 20))  # warms up
        times: dict[str, list[tuple[float, float]]] = {
            name: [(way(stack, runs), _floor(stack, runs)) for _ in range(rounds)]
            for name, way in ways.items()
        }
    return [
        Figure("throughput", f"trivial runs, {name}", runs / median([ours for ours, _ in pairs]), "/s",
               rounds, "fork + luigi.build", runs / median([floor for _, floor in pairs]))
        for name, pairs in times.items()
    ]  # fmt: skip


def _in_a_row(stack: Stack, runs: int) -> float:
    """Return the seconds from the first POST to the last result on disk."""
    keys: list[str] = []
    seconds = _clients(stack, runs, _POSTING, keys.append)
    began = time.perf_counter()
    for key in keys:
        await_file(stack.file(key))
    return seconds + time.perf_counter() - began


def _at_a_time(stack: Stack, runs: int) -> float:
    """Return the seconds in which clients that wait for each result have had so many."""
    return _clients(stack, runs, _WAITING, lambda key: await_file(stack.file(key), pause=0.005))


def _clients(stack: Stack, runs: int, clients: int, then: Callable[[str], object]) -> float:
    """Have clients POST so many runs together, and each do with a key what is to be done then."""

    def post(caller: Caller, name: str) -> None:
        then(caller.post("TrivialTask", name=name))

    with ExitStack() as opened:
        callers = [opened.enter_context(closing(Caller(stack))) for _ in range(clients)]
        return _together(runs, [partial(post, caller) for caller in callers])


def _floor(stack: Stack, runs: int) -> float:
    """Return the seconds for as many builds, as many at a time as the worker has slots."""

    def build(floor: Floor, name: str) -> None:
        floor.begin("TrivialTask", name=name)
        floor.join()

    with ExitStack() as opened:
        floors = [
            opened.enter_context(Floor(stack.luigid_url_with_token, stack.project / "floor"))
            for _ in range(stack.settings.workers)
        ]
        return _together(runs, [partial(build, floor) for floor in floors])


def _together(count: int, workers: Sequence[Callable[[str], object]]) -> float:
    """Return the seconds in which the workers, each in a thread, have done so many names."""
    names: queue.SimpleQueue[str] = queue.SimpleQueue()
    for _ in range(count):
        names.put(new_name())

    def work(do: Callable[[str], object]) -> None:
        with suppress(queue.Empty):
            while True:
                do(names.get_nowait())

    threads = [threading.Thread(target=work, args=(do,)) for do in workers]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
