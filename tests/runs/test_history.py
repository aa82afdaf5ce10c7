"""Lists of runs, their pages and filters, and what is forgotten when."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import insert

from datanectar.errors import BadRequest
from datanectar.messages import Outcome, TaskReport
from datanectar.runs import store as store_module
from datanectar.runs.ids import first_id_since
from datanectar.runs.store import RunFilters, RunStore
from datanectar.runs.tables import runs
from datanectar.statuses import CANCELLED, DONE, PENDING, RUNNING
from tests.runs.conftest import Accept, key_of, new_run


def listed(store: RunStore, **filters: object) -> list[str]:
    found, cursor = store.list_runs(RunFilters(**filters), cursor=None, limit=100)  # type: ignore[arg-type]
    assert cursor is None
    return [run.id for run in found]


def end(store: RunStore, run_id: str) -> None:
    run = store.claim(run_id, "worker", 30)
    assert run is not None
    store.finish(run_id, run.attempt, "worker", Outcome(DONE))


def test_runs_are_listed_newest_first_page_by_page(store: RunStore, accept: Accept) -> None:
    ids = [accept(str(number)) for number in range(5)]

    pages, cursor = [], None
    while True:
        page, cursor = store.list_runs(RunFilters(), cursor=cursor, limit=2)
        pages.append([run.id for run in page])
        accept(f"while paging {len(pages)}")  # shifts nothing
        if cursor is None:
            break

    assert pages == [ids[4:2:-1], ids[2:0:-1], ids[0::-1]]


def test_a_last_page_that_is_full_has_no_next_one(store: RunStore, accept: Accept) -> None:
    accept("a"), accept("b")
    page, cursor = store.list_runs(RunFilters(), cursor=None, limit=2)
    assert len(page) == 2
    assert cursor is None
    assert store.list_runs(RunFilters(type="other"), cursor=None, limit=2) == ([], None)


@pytest.mark.parametrize("cursor", ["", "7", "x" * 26, "0" * 25 + "\x00", "0" * 26 + "\n"])
def test_a_cursor_that_is_not_ours_is_refused(store: RunStore, cursor: str) -> None:
    with pytest.raises(BadRequest, match="not a cursor"):
        store.list_runs(RunFilters(), cursor=cursor, limit=2)


def test_each_filter_lets_through_what_it_names(store: RunStore) -> None:
    ids = {}
    for name, type_, chain, task in (
        ("a", "t1", "c1", "A"), ("b", "t1", "c2", "A"), ("c", "t2", "c1", "B"),
    ):  # fmt: skip
        new = new_run(name, task=task)
        new = type(new)(type_, chain, task, new.resolution)
        ids[name] = store.accept(new, max_queued=10)[0].id
    store.claim(ids["b"], "worker", 30)

    assert listed(store, type="t1") == [ids["b"], ids["a"]]
    assert listed(store, chain="c1") == [ids["c"], ids["a"]]
    assert listed(store, task="A", chain="c1") == [ids["a"]]
    assert listed(store, status=RUNNING) == [ids["b"]]
    assert listed(store, status=PENDING, type="t1") == [ids["a"]]
    assert listed(store, key=key_of("c", "B")) == [ids["c"]]
    assert listed(store, type="t1\x00") == []


def test_since_and_until_are_inclusive(store: RunStore) -> None:
    stamps = [1_700_000_000.123 + number for number in range(4)]
    with store._db.write() as connection:
        for number, stamp in enumerate(stamps):
            run = store_module._pending(new_run(str(number)))
            past = {"id": first_id_since(stamp)[:10] + run.id[10:], "created": stamp, "queued": 0}
            connection.execute(insert(runs), [{**vars(run), **past}])

    def seen(**filters: float) -> list[float]:
        found, _ = store.list_runs(RunFilters(**filters), cursor=None, limit=10)  # type: ignore[arg-type]
        return [run.created for run in found]

    assert seen(since=stamps[1]) == stamps[:0:-1]
    assert seen(until=stamps[1]) == stamps[1::-1]
    assert seen(since=stamps[1], until=stamps[2]) == [stamps[2], stamps[1]]
    assert seen(since=stamps[1] + 0.001, until=stamps[2] - 0.001) == []
    assert seen(since=-5.0, until=1e15) == stamps[::-1]


def test_parameters_match_whole_by_name_and_letter(store: RunStore, accept: Accept) -> None:
    a = accept("a", name="Ada", note='say "name": "Bob" 100%_\\')
    b = accept("b", name="ada", note="ünï")
    accept("c", name="Adam")

    assert listed(store, param={"name": "Ada"}) == [a]
    assert listed(store, param={"name": "ada"}) == [b]
    assert listed(store, param={"name": "Bob"}) == []
    assert listed(store, param={"name": "%"}) == []
    assert listed(store, param={"note": 'say "name": "Bob" 100%_\\'}) == [a]
    assert listed(store, param={"note": "ünï", "name": "ada"}) == [b]
    assert listed(store, param={"note": "ünï", "name": "Ada"}) == []
    assert listed(store, param={"": ""}) == []
    assert listed(store, param={"name": "\x00"}) == []


def test_a_private_parameter_cant_be_guessed_by_filters(store: RunStore, accept: Accept) -> None:
    accept("a", name="Ada")
    assert listed(store, param={"secret": "s3cret"}) == []


def test_purge_forgets_ended_runs_with_their_tasks_and_nothing_that_is_still_to_end(
    store: RunStore, accept: Accept
) -> None:
    ended, cancelled, running, pending = (accept(word) for word in "abcd")
    for run_id in (ended, running):
        store.claim(run_id, "worker", 30)
        store.record(run_id, 1, "worker", [TaskReport("T", key=f"key of {run_id}")])
    store.finish(ended, 1, "worker", Outcome(DONE))
    store.request_cancel(cancelled)

    assert store.purge(time.time() - 60) == 0
    assert len(listed(store)) == 4
    assert store.purge(time.time() + 60) == 2

    assert listed(store) == [pending, running]
    assert store.tasks(ended) == []
    assert store.task_by_key(f"key of {ended}") is None
    assert len(store.tasks(running)) == 1
    assert store.latest(key_of("a")) is None


def test_purge_goes_by_when_a_run_ended_not_by_when_it_was_accepted(
    store: RunStore, accept: Accept
) -> None:
    run_id = accept()
    store.claim(run_id, "worker", 30)
    between = time.time() + 0.01
    while time.time() <= between:
        pass
    store.finish(run_id, 1, "worker", Outcome(DONE))

    assert store.purge(between) == 0
    assert store.get(run_id) is not None


def test_purge_works_in_batches(store: RunStore) -> None:
    rows = []
    for number in range(1201):
        run = store_module._pending(new_run(str(number)))
        rows.append({**vars(run), "status": CANCELLED, "finished": 5.0, "queued": 0.0})
    with store._db.write() as connection:
        connection.execute(insert(runs), rows)

    assert store.purge(time.time() + 60) == 1201
    assert listed(store) == []


def test_purge_forgets_silent_workers_and_old_fires_but_a_schedules_last(store: RunStore) -> None:
    store.beat_worker("w", "host", 1, 1.0, 1)
    for fire in (10.0, 20.0):
        store.claim_fire("daily", fire)
    store.claim_fire("hourly", 30.0)

    store.purge(15.0)
    assert len(store.workers()) == 1
    store.purge(time.time() + 60)

    assert store.workers() == []
    assert (store.last_fire("daily"), store.last_fire("hourly")) == (20.0, 30.0)
    assert store.claim_fire("daily", 10.0)
    assert not store.claim_fire("daily", 20.0)
