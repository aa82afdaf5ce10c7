"""Fills a run store with ended runs, in bulk."""

from __future__ import annotations

import time

from datanectar.keys import digest
from datanectar.runs.ids import new_id
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.runs.tables import runs, tasks
from datanectar.statuses import DONE

_BATCH = 1000


def fill(url: str, count: int) -> None:
    """Write so many runs of one task each, all DONE, as if they had been made one by one."""
    store = RunStore(url)
    store.prepare()
    for start in range(0, count, _BATCH):
        made = [_run(number) for number in range(start, min(count, start + _BATCH))]
        with store._db.write() as connection:  # the store has no method for rows in bulk
            connection.execute(runs.insert(), [_row(run) for run in made])
            connection.execute(tasks.insert(), [_task_row(run) for run in made])
    store.close()


def _run(number: int) -> Run:
    name = f"stored-{number}"
    now = time.time()
    return Run(
        id=new_id(),
        key=f"chains/bench/trivial_chain/TrivialTask/{digest(name)}",
        type="bench",
        chain="trivial_chain",
        task="TrivialTask",
        task_id=f"bench.trivial_chain.TrivialTask_{name}_{digest(name)[:10]}",
        params={"name": name},
        public_params={"name": name},
        run_time="2026-01-01T00:00:00",
        storage="local",
        output="out.txt",
        status=DONE,
        attempt=1,
        created=now,
        trigger="http",
        started=now,
        finished=now,
        owner="benchmark",
    )


def _row(run: Run) -> dict[str, object]:
    return {**vars(run), "queued": run.created, "lease_until": None}


def _task_row(run: Run) -> dict[str, object]:
    return {
        "run_id": run.id,
        "task_id": run.task_id,
        "key": run.key,
        "family": "bench.trivial_chain.TrivialTask",
        "status": DONE,
        "requires": [],
        "started": run.started,
        "finished": run.finished,
    }
