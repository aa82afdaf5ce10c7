"""Every end of a run is counted once, with the time that it took; nothing sets the totals back."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import update

from datanectar.messages import Outcome
from datanectar.retention.runs import OldRuns, RunLimits
from datanectar.runs.statistics.ended import BUCKETS, NOT_BEGUN
from datanectar.runs.store import RunStore
from datanectar.runs.tables import runs
from datanectar.statuses import CANCELLED, DONE, FAILED
from tests.runs.conftest import Accept, key_of


def end(store: RunStore, run_id: str, status: str = DONE, seconds: float = 0.0) -> None:
    claimed = store.claim(run_id, "worker", 30)
    assert claimed is not None and claimed.started is not None
    times = update(runs).where(runs.c.id == run_id)
    with store.database.write() as connection:
        connection.execute(times.values(finished=claimed.started + seconds))
    assert store.finish(run_id, 1, "worker", Outcome(status))


def totals(store: RunStore) -> dict[tuple[str, str, str], tuple[int, float]]:
    return {
        (row.task, row.status, row.bucket): (row.count, round(row.seconds, 3))
        for row in store.ended_totals()
    }


def test_ends_are_counted_by_task_and_end(store: RunStore, accept: Accept) -> None:
    end(store, accept("a", task="OneTask"), DONE, 2)
    end(store, accept("b", task="OneTask"), DONE, 4)
    end(store, accept("c", task="OneTask"), FAILED, 2)
    end(store, accept("d", task="TwoTask"), DONE, 90_000)
    store.request_cancel(accept("e", task="TwoTask"))

    assert totals(store) == {
        ("OneTask", DONE, "5"): (2, 6.0),
        ("OneTask", FAILED, "5"): (1, 2.0),
        ("TwoTask", DONE, "+Inf"): (1, 90_000.0),
        ("TwoTask", CANCELLED, NOT_BEGUN): (1, 0.0),
    }


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, "0.1"), (5.5, "15"), (86_401.0, "+Inf")])
def test_a_time_is_in_the_first_bucket_that_holds_it(
    store: RunStore, accept: Accept, seconds: float, bucket: str
) -> None:
    assert bucket in BUCKETS
    end(store, accept(), seconds=seconds)
    assert list(totals(store)) == [("HelloTask", DONE, bucket)]


def test_a_purge_of_the_history_leaves_the_totals(store: RunStore, accept: Accept) -> None:
    end(store, accept())
    with store.database.write() as connection:
        connection.execute(update(runs).values(finished=1.0))
    OldRuns(store.database).purge(RunLimits(before=2e10))
    assert store.latest(key_of("a")) is None
    assert totals(store) == {("HelloTask", DONE, "0.1"): (1, 0.0)}


def test_ends_at_the_same_time_are_all_counted(store: RunStore, accept: Accept) -> None:
    ids = [accept(f"run {number}") for number in range(16)]
    threads = [threading.Thread(target=end, args=(store, run_id)) for run_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals(store) == {("HelloTask", DONE, "0.1"): (16, 0.0)}


def test_the_oldest_waiting_run_tells_how_long_the_queue_is(
    store: RunStore, accept: Accept
) -> None:
    assert store.oldest_waiting_seconds() == 0
    old = accept("old")
    accept("new")
    with store.database.write() as connection:
        earlier = update(runs).where(runs.c.id == old).values(queued=runs.c.queued - 100)
        connection.execute(earlier)
    assert 100 <= store.oldest_waiting_seconds() < 160
    store.request_cancel(old)
    assert 0 <= store.oldest_waiting_seconds() < 60
