"""How long a POST and a chainstatus take, with many runs in the store.

The floor is ``GET /healthz``: what HTTP, gunicorn and Flask cost by themselves.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from benchmarks import store
from benchmarks.report import Figure, median, percentile
from benchmarks.stack import Caller, await_end, new_name, project
from tests.servers.stack import Stack

_CLIENTS = 8


def measure(rounds: int = 150, stored: int = 10_000, rate: int = 50) -> list[Figure]:
    """Measure one after another, then POSTs at a fixed rate; ``stored`` runs are there already."""
    with project() as stack:
        store.fill(stack.settings.database_url, stored)
        stack.start_up()
        caller = Caller(stack)
        key = caller.post("TrivialTask", name="known")
        await_end(caller, key)
        one_by_one = _one_by_one(caller, key, rounds)
        figures = [_compared(name, times, one_by_one, stored) for name, times in one_by_one.items()]
        figures += _at_rate(stack, rounds, rate)
    return figures


def _one_by_one(caller: Caller, key: str, rounds: int) -> dict[str, list[float]]:
    """Interleave the requests; a run just POSTed has ended before the next one is timed."""
    times: dict[str, list[float]] = {"floor": [], "POST, new": [], "POST, there": [], "status": []}
    for round in range(-5, rounds):
        posted: list[str] = []
        work: dict[str, Callable[[], object]] = {
            "POST, new": lambda posted=posted: posted.append(
                caller.post("TrivialTask", name=new_name())
            ),
            "POST, there": lambda: caller.post("TrivialTask", name="known"),
            "status": lambda: caller.status(key),
            "floor": lambda: caller.call("GET", "/healthz"),
        }
        for name, call in work.items():
            began = time.perf_counter()
            call()
            if round >= 0:
                times[name].append(time.perf_counter() - began)
            if name == "POST, new":
                await_end(caller, posted[0])
    return times


def _compared(name: str, times: list[float], all: dict[str, list[float]], stored: int) -> Figure:
    label = f"{name}, {stored:,} runs stored" if name != "floor" else "GET /healthz"
    return Figure(
        "answers", f"{label}, median", median(times) * 1000, "ms", len(times),
        "GET /healthz", median(all["floor"]) * 1000,
    )  # fmt: skip


def _at_rate(stack: Stack, rounds: int, rate: int) -> list[Figure]:
    """POST at a fixed rate, however long responses take; a POST's time counts from when it was due."""
    due: queue.Queue[float | None] = queue.Queue()
    times: list[float] = []

    def client() -> None:
        caller = Caller(stack)
        while (moment := due.get()) is not None:
            caller.post("TrivialTask", name=new_name())
            times.append(time.perf_counter() - moment)
        caller.close()

    clients = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for thread in clients:
        thread.start()
    first = time.perf_counter() + 0.1
    for number in range(rounds):
        moment = first + number / rate
        time.sleep(max(0.0, moment - time.perf_counter()))
        due.put(moment)
    for _ in clients:
        due.put(None)
    for thread in clients:
        thread.join()
    name = f"POST, new, at {rate}/s"
    return [
        Figure("answers", f"{name}, median", median(times) * 1000, "ms", len(times)),
        Figure("answers", f"{name}, p99", percentile(times, 0.99) * 1000, "ms", len(times)),
    ]
