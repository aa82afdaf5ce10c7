"""Tasks of 0.1 s on a Dask cluster, beside ``distributed`` alone and ``luigi --workers``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.report import Figure
from benchmarks.stack import Caller, await_file, new_name, project
from tests.servers.dask import DaskCluster
from tests.servers.stack import Stack

_SECONDS = 0.1
_LUIGI = """
import sys
import luigi
from chains.bench.sleep_chain import SleepersTask

name, tasks, seconds, workers = sys.argv[1:]
task = SleepersTask(name=name, tasks=int(tasks), seconds=float(seconds))
assert luigi.build([task], workers=int(workers), local_scheduler=True, log_level="ERROR")
"""


def measure(many: int = 1000, slots: int = 100, few: int = 200, narrow: int = 8) -> list[Figure]:
    """Run many tasks on many slots, and a few on few; each beside what else does the same."""
    figures = _on_cluster(many, slots) + _on_cluster(few, narrow)
    return [*figures, _luigi(few, narrow)]


def _on_cluster(tasks: int, slots: int) -> list[Figure]:
    with project() as stack:
        cluster = DaskCluster(stack.project / "dask")
        try:
            cluster.start("anna", nthreads=str(slots))
            stack.environ |= {
                "DATANECTAR_ENGINE": "dask",
                "DATANECTAR_DASK_SCHEDULER": cluster.address,
            }
            stack.start_up()
            _run(stack, slots)  # the worker starts its fork server
            ours, alone = _run(stack, tasks), _alone(cluster, tasks)
        finally:
            cluster.close()
    best = tasks * _SECONDS / slots
    name = f"{tasks:,} tasks of {_SECONDS:g} s on {slots} slots"
    return [
        Figure("engine", f"{name}: a run", ours, "s", 1, "ideal", best),
        Figure("engine", f"{name}: `distributed` alone", alone, "s", 1, "ideal", best),
    ]


def _run(stack: Stack, tasks: int) -> float:
    wanted = {"name": new_name(), "tasks": tasks, "seconds": _SECONDS}
    began = time.perf_counter()
    path = f"/api/chains/bench/sleep_chain/SleepersTask?{urlencode(wanted)}"
    key = str(Caller(stack).call("POST", path)["data"]["key"])
    await_file(stack.file(key), 1200, pause=0.01)
    return time.perf_counter() - began


def _alone(cluster: DaskCluster, tasks: int) -> float:
    with cluster.client() as client:
        began = time.perf_counter()
        client.gather(client.map(time.sleep, [_SECONDS] * tasks, pure=False))
        return time.perf_counter() - began


def _luigi(tasks: int, workers: int) -> Figure:
    with project() as stack:
        environ = {**os.environ, "PYTHONPATH": str(stack.project / "code")}
        command = [
            sys.executable,
            "-c",
            _LUIGI,
            new_name(),
            str(tasks),
            str(_SECONDS),
            str(workers),
        ]
        environ["DATANECTAR_PROJECT"] = str(stack.project)
        began = time.perf_counter()
        subprocess.run(command, env=environ, cwd=Path(stack.project), check=True)
        seconds = time.perf_counter() - began
    name = f"{tasks:,} tasks of {_SECONDS:g} s: `luigi --workers {workers}`"
    return Figure("engine", name, seconds, "s", 1, "ideal", tasks * _SECONDS / workers)
