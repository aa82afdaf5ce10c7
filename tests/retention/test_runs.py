"""The history of runs: by age, by count, in steps; on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import func, insert, select, update

from datanectar.backfills.tables import items
from datanectar.messages import Outcome, TaskReport
from datanectar.retention.runs import OldRuns, RunLimits
from datanectar.retention.space import space_of
from datanectar.runs import store as store_module
from datanectar.runs.ids import first_id_since
from datanectar.runs.statistics.ended import EndedTotal
from datanectar.runs.store import RunFilters, RunStore
from datanectar.runs.tables import runs, tasks
from datanectar.statuses import CANCELLED, DONE, RUNNING
from tests.runs.conftest import Accept, key_of, new_run, shared_postgres, store

__all__ = ["shared_postgres", "store"]  # fixtures

DAY = 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
def accept(store: RunStore) -> Accept:
    return lambda word: store.accept(new_run(word), max_queued=10_000)[0].id


def insert_ended(store: RunStore, count: int, tasks_each: int = 1, task: str = "HelloTask") -> None:
    """Insert runs that ended on days of the past: run N, N days before NOW."""
    rows, its_tasks = [], []
    for number in range(count):
        run = store_module._pending(new_run(f"{task} {number}", task=task))
        stamp = NOW - number * DAY
        run_id = first_id_since(stamp - 10)[:10] + run.id[10:]
        past = {"id": run_id, "created": stamp - 10, "queued": 0.0, "finished": stamp}
        rows.append({**vars(run), **past, "status": CANCELLED})
        its_tasks += [{"run_id": run_id, "task_id": f"T{each}"} for each in range(tasks_each)]
    with store.database.write() as connection:
        connection.execute(insert(runs), rows)
        connection.execute(insert(tasks), its_tasks)


def left(store: RunStore) -> list[int]:
    """Return the ages in days of the runs that are left, and see to it that no task is left alone."""
    with store.database.read() as connection:
        ages = [
            round((NOW - at) / DAY) for at in connection.execute(select(runs.c.finished)).scalars()
        ]
        ids = select(runs.c.id)
        alone = select(func.count()).select_from(tasks).where(tasks.c.run_id.not_in(ids))
        assert connection.execute(alone).scalar() == 0
    return sorted(ages)


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (RunLimits(), 10),
        (RunLimits(before=NOW - 6.5 * DAY), 7),
        (RunLimits(most=4), 4),
        (RunLimits(before=NOW - 6.5 * DAY, most=8), 7),
        (RunLimits(before=NOW - 6.5 * DAY, most=2), 2),
        (RunLimits(before=NOW + DAY, task="OtherTask"), 10),
        (RunLimits(before=NOW + DAY, type="greetings", chain="hello_chain", task="HelloTask"), 0),
        (RunLimits(most=0), 0),
    ],
)
def test_runs_go_by_age_and_by_count(store: RunStore, limits: RunLimits, kept: int) -> None:
    insert_ended(store, 10, tasks_each=2)
    old_runs = OldRuns(store.database)

    found = old_runs.count(limits)

    assert sum(row.count for row in found) == 10 - kept
    assert all(row.oldest == NOW - 9 * DAY for row in found)
    assert old_runs.bytes_a_run() > 100
    assert old_runs.purge(limits) == 10 - kept
    assert left(store) == list(range(kept))


def test_what_is_still_to_end_stays_and_age_counts_from_the_end(
    store: RunStore, accept: Accept
) -> None:
    ended, running, waiting = (accept(word) for word in "abc")
    for run_id in (ended, running):
        store.claim(run_id, "worker", 30)
        store.record(run_id, 1, "worker", [TaskReport("T", key=f"key of {run_id}")])
    between = time.time() + 0.01
    while time.time() <= between:
        pass
    store.finish(ended, 1, "worker", Outcome(DONE))
    totals = store.ended_totals()

    assert OldRuns(store.database).purge(RunLimits(before=between)) == 0
    assert OldRuns(store.database).purge(RunLimits(before=time.time() + 60, most=0)) == 1

    found, _ = store.list_runs(RunFilters(), cursor=None, limit=10)
    assert [run.id for run in found] == [waiting, running]
    assert store.task_by_key(f"key of {ended}") is None
    assert store.latest(key_of("a")) is None
    assert store.ended_totals() == totals == [EndedTotal(*vars(totals[0]).values())]


def test_a_run_that_a_backfill_has_not_noted_yet_stays(store: RunStore) -> None:
    insert_ended(store, 3)
    with store.database.write() as connection:
        noted = connection.execute(select(runs.c.id).order_by(runs.c.id)).scalars().all()
        item = {"number": 1, "params": {}, "key": "k", "was_there": False, "backfill_id": "b"}
        connection.execute(insert(items), [{**item, "status": RUNNING, "run_id": noted[1]}])

    OldRuns(store.database).purge(RunLimits(before=NOW + DAY))
    assert left(store) == [1]
    with store.database.write() as connection:
        connection.execute(update(items).values(status=DONE))
    OldRuns(store.database).purge(RunLimits(before=NOW + DAY))
    assert left(store) == []


def test_steps_are_small_and_others_write_between_them(store: RunStore) -> None:
    """By runs and by tasks; a run with more tasks than a step has is a step of its own."""
    insert_ended(store, 1100)
    insert_ended(store, 3, tasks_each=4000, task="WideTask")
    insert_ended(store, 1, tasks_each=6000, task="WiderTask")
    sizes: list[int] = []
    seen = 1104

    def rest(seconds: float) -> None:
        nonlocal seen
        now_left = len(left(store))
        sizes.append(seen - now_left)
        seen = now_left
        thread = threading.Thread(target=store.beat_worker, args=("w", "host", 1, 1.0, 1))
        thread.start()
        thread.join()

    assert OldRuns(store.database).purge(RunLimits(before=NOW + DAY), rest) == 1104
    assert max(sizes) <= 500 and len(sizes) >= 5
    assert len(store.workers()) == 1


def test_old_fires_go_but_for_the_last_of_each_schedule(store: RunStore) -> None:
    for fire in (10.0, 20.0):
        store.claim_fire("daily", fire)
    store.claim_fire("hourly", 30.0)

    OldRuns(store.database).purge_fires(25.0)

    assert (store.last_fire("daily"), store.last_fire("hourly")) == (20.0, 30.0)
    assert store.claim_fire("daily", 10.0)
    assert not store.claim_fire("daily", 20.0)


@pytest.fixture
def full(store: RunStore) -> Iterator[RunStore]:
    insert_ended(store, 50, tasks_each=100)
    yield store


def test_free_space_is_measured(full: RunStore) -> None:
    before = space_of(full.database)
    OldRuns(full.database).purge(RunLimits(before=NOW + DAY))
    after = space_of(full.database)
    assert before.total > 100_000
    if full.database.is_sqlite:
        assert after.total >= before.total - 4096 * 8
        assert after.free > before.free + 100_000 and 0.3 < after.part < 1
        full.database.vacuum()
        assert space_of(full.database).free == 0
        assert space_of(full.database).total < after.total - 100_000
