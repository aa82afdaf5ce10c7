"""A trivial task: from the POST sent to the result on disk; warm, local."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.floor import FORK, FORKSERVER, Floor, luigi_process
from benchmarks.report import Figure, median
from benchmarks.stack import Caller, await_end, await_file, new_name, started

#: A `luigi` process takes so long that it is measured this many times less often.
_SELDOM = 5


def measure(rounds: int = 60) -> list[Figure]:
    """Measure in rounds, each floor once a round, so that what else the machine does affects all alike."""
    ours: list[float] = []
    floors: dict[str, list[float]] = {FORKSERVER: [], FORK: [], "luigi process": []}
    with started() as stack:
        folder = stack.project / "floor"
        caller = Caller(stack)
        with (
            Floor(stack.luigid_url_with_token, folder, FORK) as fork,
            Floor(stack.luigid_url_with_token, folder, FORKSERVER) as forkserver,
        ):
            for round in range(-3, rounds):  # the first three warm up
                keep = round >= 0
                name = new_name()
                began = time.perf_counter()
                key = caller.post("TrivialTask", name=name)
                await_file(stack.file(key))
                _keep(keep, ours, began)
                await_end(caller, key)
                for kind, floor in ((FORK, fork), (FORKSERVER, forkserver)):
                    began = time.perf_counter()
                    await_file(floor.begin("TrivialTask", name=new_name()))
                    _keep(keep, floors[kind], began)
                    floor.join()
                if round % _SELDOM == 0 and keep:
                    _time_luigi_process(
                        stack.luigid_url_with_token, folder, floors["luigi process"]
                    )
    return [
        Figure("trivial", "POST sent to result on disk", median(ours) * 1000, "ms", len(ours),
               f"{name}, {len(times)}", median(times) * 1000)
        for name, times in floors.items()
    ]  # fmt: skip


def _time_luigi_process(luigid_url: str, folder: Path, times: list[float]) -> None:
    name = new_name()
    began = time.perf_counter()
    process = luigi_process(luigid_url, folder, name)
    await_file(folder / name / "out.txt")
    times.append(time.perf_counter() - began)
    process.wait()


def _keep(keep: bool, times: list[float], began: float) -> None:
    if keep:
        times.append(time.perf_counter() - began)
