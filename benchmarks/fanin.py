"""One run of a chain with many tasks, all required by the root, beside ``luigi.build`` alone."""

from __future__ import annotations

import time

from benchmarks.floor import Floor
from benchmarks.report import Figure, median
from benchmarks.stack import Caller, await_file, new_name, started


def measure(leaves: int = 1000, rounds: int = 3) -> list[Figure]:
    """Measure POST sent to root's result on disk, and the same for a forked ``luigi.build``."""
    ours: list[float] = []
    floors: list[float] = []
    with started() as stack:
        folder = stack.project / "floor"
        with Floor(stack.luigid_url_with_token, folder) as floor:
            for _ in range(rounds):
                caller = Caller(stack)  # a round is longer than the app keeps a connection
                began = time.perf_counter()
                key = caller.post("FanTask", name=new_name(), leaves=leaves)
                await_file(stack.file(key), 600)
                ours.append(time.perf_counter() - began)
                began = time.perf_counter()
                await_file(floor.begin("FanTask", name=new_name(), leaves=leaves), 600)
                floors.append(time.perf_counter() - began)
                floor.join()
    name = f"{leaves:,} tasks required by one, to the root's result"
    return [Figure("fanin", name, median(ours), "s", rounds, "fork + luigi.build", median(floors))]
