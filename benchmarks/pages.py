"""The pages of a service that has much: how long each takes the server, and its size as it is sent."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import insert

from benchmarks.report import Figure, median
from benchmarks.stack import project
from datanectar.keys import digest
from datanectar.runs.ids import first_id_since
from datanectar.runs.store import RunStore
from datanectar.runs.tables import runs as runs_table
from datanectar.runs.tables import tasks as tasks_table
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

_CHAIN = """from datanectar import NectarTask
import luigi
class ReadTask(NectarTask):
    \"\"\"Read a day.\"\"\"
    number = luigi.IntParameter()
class SumTask(NectarTask):
    \"\"\"Add a day up.\"\"\"
    number = luigi.IntParameter()
    def requires(self):
        return ReadTask(number=self.number)
"""
_TYPES = 20
#: When the first run was accepted, and the seconds to the next one.
_BEGAN, _BETWEEN = time.time() - 86_400, 0.5
#: Rows in one statement.
_ROWS = 5_000


def measure(
    chains: int = 1_000, runs: int = 100_000, tasks: int = 2_000, rounds: int = 15
) -> list[Figure]:
    """Measure each page with so many chains and runs, one of them of so many tasks."""
    with project() as stack:
        for number in range(chains):
            stack.chain(_place(number), _CHAIN)
        stack.settings.state.mkdir(parents=True)
        stack.store.prepare()
        small, large = _fill(stack.store, chains, runs, tasks)
        stack.start_web()
        wait_for(lambda: _are_read(stack, chains), "the chains are read", 300)
        figures = []
        for name, path in _pages(small, large).items():
            floor = ("GET /healthz", _ask(stack, "/healthz", rounds)[0] * 1000)
            took, size = _ask(stack, path, rounds)
            figures.append(Figure("pages", f"{name}: time", took * 1000, "ms", rounds, *floor))
            figures.append(Figure("pages", f"{name}: size", size / 1000, "KB"))
        return figures


def _place(number: int) -> str:
    return f"type{number % _TYPES}/number{number}_chain"


def _are_read(stack: Stack, chains: int) -> bool:
    listed = stack.get("/api/chains").json()["data"]
    return len(listed) >= chains and not any(chain["reading"] for chain in listed)


def _pages(small: dict[str, Any], large: dict[str, Any]) -> dict[str, str]:
    key = str(small["key"]).removeprefix("chains/")
    type, chain, task, _ = key.split("/")
    return {
        "home": "/",
        "home, searched": "/?q=number7",
        "a type": f"/chains/{type}",
        "a chain": f"/chains/{type}/{chain}?task={task}",
        "a task": f"/chains/{type}/{chain}/{task}",
        "history": "/history",
        "history, filtered": f"/history?task=SumTask&status=failed&type={type}",
        "a run": f"/runs/{small['id']}",
        "a run of many tasks": f"/runs/{large['id']}",
        "lineage": "/lineage",
        "lineage of a type": f"/lineage/{type}",
        "lineage of a chain": f"/lineage/{type}/{chain}",
        "lineage of a result": f"/lineage/{key}",
        "lineage of a result of many": f"/lineage/{str(large['key']).removeprefix('chains/')}",
        "backfills": "/backfills",
        "schedules": "/schedules",
        "workers": "/workers",
        "settings": "/settings",
    }


def _ask(stack: Stack, path: str, rounds: int) -> tuple[float, int]:
    """Return the median of the seconds to a page's last byte, and its bytes, compressed."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=120)
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
    times, size = [], 0
    for _ in range(rounds + 1):
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        size = len(response.read())
        times.append(time.perf_counter() - began)
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}")
    connection.close()
    return median(times[1:]), size


# --- the run store -----------------------------------------------------------------------------


def _fill(
    store: RunStore, chains: int, runs: int, tasks: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Add the runs, each of two tasks, and a last one of many; return one of the first, and that."""
    rows = [_run(number, chains) for number in range(runs)]
    large = _run(runs, chains)
    with store.database.write() as connection:
        for some in _divided([*rows, large]):
            connection.execute(insert(runs_table), some)
        for some in _divided([task for row in rows for task in _tasks(row, 1)]):
            connection.execute(insert(tasks_table), some)
        for some in _divided(list(_tasks(large, tasks - 1))):
            connection.execute(insert(tasks_table), some)
    return rows[-1], large


def _divided(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]


def _run(number: int, chains: int) -> dict[str, Any]:
    type, chain = _place(number % chains).split("/")
    now, has_failed = _BEGAN + number * _BETWEEN, number % 50 == 0
    params = {"number": str(number)}
    return {
        "id": first_id_since(now), "key": f"chains/{type}/{chain}/SumTask/{digest(str(number))}",
        "type": type, "chain": chain, "task": "SumTask", "task_id": f"SumTask_{number}",
        "params": params, "public_params": params, "run_time": "2026-01-02T03:04:05",
        "storage": "local", "output": "out.txt", "status": "FAILED" if has_failed else "DONE",
        "attempt": 1, "created": now, "trigger": "http", "width": 1, "started": now,
        "finished": now + number % 60, "error": "ValueError: no" if has_failed else None,
        "cancel_requested": False, "scheduler_reachable": True, "queued": now,
    }  # fmt: skip


def _tasks(run: dict[str, Any], required: int) -> Iterator[dict[str, Any]]:
    ids = [f"ReadTask_{run['params']['number']}_{number}" for number in range(required)]
    own, place = f"{run['type']}.{run['chain']}", run["key"].rsplit("/", 2)[0]
    common = {
        "run_id": run["id"], "status": run["status"], "storage": "local", "output": "out.txt",
        "started": run["started"], "finished": run["finished"], "params": run["params"],
    }  # fmt: skip
    for task_id in ids:
        key = f"{place}/ReadTask/{digest(task_id)}"
        yield {
            **common,
            "task_id": task_id,
            "key": key,
            "family": f"{own}.ReadTask",
            "requires": None,
        }
    root = {"task_id": run["task_id"], "key": run["key"], "family": f"{own}.SumTask"}
    yield {**common, **root, "requires": ids}
