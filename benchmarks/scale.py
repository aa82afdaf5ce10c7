"""What each shared part bears: luigid with many tasks, the run store and the queue by backend."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from luigi.scheduler import Scheduler

from benchmarks.report import Figure, median
from benchmarks.stack import new_name, project
from datanectar.keys import digest
from datanectar.messages import Outcome, Resolution
from datanectar.queue import RUN_MESSAGE, RunQueue
from datanectar.runs.records import NewRun
from datanectar.runs.store import RunStore
from datanectar.statuses import DONE
from tests.servers.postgres import postgres_server
from tests.servers.redis import redis_server

#: Processes that use the part at once.
_PROCESSES = 4
_PLENTY = 10**9

_barrier: Any = None


def measure(tasks: int = 100_000, calls: int = 50, runs: int = 250) -> list[Figure]:
    """Measure luigid with up to so many tasks, and each store and queue with so many runs a process."""
    figures = []
    for known in sorted({tasks // 100, tasks // 10, tasks}):
        figures += _luigid(known, calls, runs)
    with project() as stack, postgres_server() as server:
        stack.settings.state.mkdir(parents=True)
        sqlite = f"sqlite:///{stack.settings.state}"
        for name, url in (("SQLite", f"{sqlite}/runs.db"), ("PostgreSQL", server)):
            RunStore(url).prepare()
            figures.append(_figure(f"store, {name}: runs accepted", _rate(_accept, url, runs)))
            figures.append(
                _figure(
                    f"store, {name}: runs accepted, claimed, finished", _rate(_cycle, url, runs)
                )
            )
        with redis_server(stack.project) as redis:
            urls = {"SQLite": f"{sqlite}/queue.db", "PostgreSQL": server, "Redis": redis}
            for name, url in urls.items():
                RunQueue(url)  # makes its tables
                figures.append(
                    _figure(f"queue, {name}: messages sent and taken", _rate(_pass, url, runs))
                )
    return figures


def _figure(name: str, rate: float) -> Figure:
    return Figure("scale", f"{name}, {_PROCESSES} processes", rate, "/s")


# --- luigid --------------------------------------------------------------------------------


def _luigid(known: int, calls: int, runs: int) -> list[Figure]:
    """Start a luigid that knows so many tasks, ask each RPC, then have runs speak to it."""
    with project() as stack:
        stack.settings.state.mkdir(parents=True)
        save_luigid_state(stack.settings.state / "luigid.pickle", known)
        stack.start_luigid()
        caller = _Luigid(stack.luigid_url_with_token)
        figures = [
            Figure("scale", f"luigid, {known:,} tasks: {method}", median(times) * 1000, "ms", calls)
            for method, times in _ask(caller, calls).items()
        ]
        rate = _rate(_speak_as_runs, stack.luigid_url_with_token, runs)
        return [*figures, _figure(f"luigid, {known:,} tasks: runs of one task, 3 RPCs", rate)]


def save_luigid_state(file: Path, known: int) -> None:
    """Write the state of a luigid in which one live worker has done all the tasks."""
    scheduler: Any = Scheduler(state_path=str(file))
    for number in range(known):
        scheduler.add_task(
            task_id=_task_id(str(number)),
            worker="filler",
            family="bench.trivial_chain.TrivialTask",
            module="chains.bench.trivial_chain",
            params={"name": str(number)},
            status=DONE,
        )
    scheduler.dump()


def _task_id(name: str) -> str:
    return f"bench.trivial_chain.TrivialTask_{name}_{digest(name)[:10]}"


class _Luigid:
    """RPCs over one kept connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Bearer {parts.password}",
        }

    def call(self, method: str, **arguments: Any) -> Any:
        body = urlencode({"data": json.dumps(arguments)})
        self._connection.request("POST", f"/api/{method}", body, self._headers)
        return json.loads(self._connection.getresponse().read())["response"]

    def close(self) -> None:
        self._connection.close()

    def add(self, worker: str, task_id: str, status: str) -> None:
        self.call("add_task", worker=worker, task_id=task_id, status=status, family="T", params={})


def _ask(luigid: _Luigid, calls: int) -> dict[str, list[float]]:
    task_id = _task_id("asked")
    luigid.add("asker", task_id, DONE)
    asked: dict[str, dict[str, Any]] = {
        "ping": {"worker": "asker"},
        "fetch_error": {"task_id": task_id},
        "get_work": {"worker": "asker"},
        "dep_graph": {"task_id": task_id},
    }
    times: dict[str, list[float]] = {method: [] for method in asked}
    for _ in range(calls):
        for method, arguments in asked.items():
            began = time.perf_counter()
            luigid.call(method, **arguments)
            times[method].append(time.perf_counter() - began)
    return times


def _speak_as_runs(url: str, count: int) -> tuple[float, float]:
    def run() -> None:
        luigid, worker = _Luigid(url), new_name()
        task_id = _task_id(worker)
        luigid.add(worker, task_id, "PENDING")
        luigid.call("get_work", worker=worker, host="here")
        luigid.add(worker, task_id, DONE)
        luigid.close()

    return _timed(run, count)


# --- the store and the queue ---------------------------------------------------------------


def _accept(url: str, count: int) -> tuple[float, float]:
    store = RunStore(url)
    return _timed(lambda: store.accept(_new_run(), max_queued=_PLENTY), count)


def _cycle(url: str, count: int) -> tuple[float, float]:
    store = RunStore(url)

    def cycle() -> None:
        run, _ = store.accept(_new_run(), max_queued=_PLENTY)
        store.claim(run.id, "benchmark", 60)
        if not store.finish(run.id, 1, "benchmark", Outcome(DONE)):
            raise RuntimeError(f"{run.id} could not be finished")

    return _timed(cycle, count)


def _new_run() -> NewRun:
    name = new_name()
    resolution = Resolution(
        key=f"chains/bench/trivial_chain/TrivialTask/{digest(name)}",
        task_id=_task_id(name),
        params={"name": name},
        public_params={"name": name},
        defaulted=[],
        source="{}",
        run_time="2026-01-01T00:00:00",
        storage="local",
        output="out.txt",
    )
    return NewRun("bench", "trivial_chain", "TrivialTask", resolution)


def _pass(url: str, count: int) -> tuple[float, float]:
    queue = RunQueue(url)

    def send_and_take() -> None:
        queue.send(RUN_MESSAGE, new_name())
        if queue.huey.storage.dequeue() is None:  # at least one's own, or another's for it
            raise RuntimeError("a message was lost")

    return _timed(send_and_take, count)


# --- several processes at once -------------------------------------------------------------


def _rate(work: Callable[[str, int], tuple[float, float]], url: str, count: int) -> float:
    """Return how often a second several processes together do it, each so many times."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(_PROCESSES)
    with ProcessPoolExecutor(_PROCESSES, context, _keep_barrier, (barrier,)) as pool:
        spans = list(pool.map(work, [url] * _PROCESSES, [count] * _PROCESSES))
    began, ended = min(span[0] for span in spans), max(span[1] for span in spans)
    return _PROCESSES * count / (ended - began)


def _keep_barrier(barrier: Any) -> None:
    global _barrier
    _barrier = barrier


def _timed(work: Callable[[], object], count: int) -> tuple[float, float]:
    work()  # opens connections
    _barrier.wait(60)
    began = time.monotonic()  # one clock for all processes
    for _ in range(count):
        work()
    return began, time.monotonic()
