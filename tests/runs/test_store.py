"""Accepting runs and finding them again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from datanectar.errors import TooManyRuns
from datanectar.messages import Outcome
from datanectar.runs import store as store_module
from datanectar.runs.store import RunStore
from datanectar.runs.tables import runs
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING
from tests.runs.conftest import Accept, key_of, new_run


def run_to_the_end(store: RunStore, run_id: str, status: str = DONE) -> None:
    run = store.claim(run_id, "worker", 30)
    assert run is not None
    assert store.finish(run_id, run.attempt, "worker", Outcome(status))


def test_an_accepted_run_is_there_as_it_was_asked_for(store: RunStore) -> None:
    asked = new_run("a", word="hé\x00llo \ud800")

    run, created = store.accept(asked, max_queued=10)

    assert created
    assert store.get(run.id) == store.latest(key_of("a")) == run
    assert run.status == PENDING
    assert run.params == {"secret": "s3cret", "word": "hé\x00llo \ud800"}
    assert run.public_params == {"word": "hé\x00llo \ud800"}
    assert (run.width, run.run_timeout, run.output, run.trigger) == (2, 60.0, "out.txt", "http")


def test_an_active_run_answers_for_the_same_request(store: RunStore) -> None:
    first, _ = store.accept(new_run(), max_queued=10)
    store.claim(first.id, "worker", 30)

    again, created = store.accept(new_run(), max_queued=10)

    assert not created
    assert (again.id, again.status) == (first.id, RUNNING)


def test_an_ended_run_makes_room_for_a_new_one_that_is_the_latest(
    store: RunStore, accept: Accept
) -> None:
    for _ in range(5):
        first = accept()
        store.request_cancel(first)
        second = accept()
        latest = store.latest(key_of("a"))
        assert second > first
        assert latest is not None
        assert latest.id == second
        store.request_cancel(second)


def test_the_active_run_is_the_latest_even_if_a_host_with_a_slow_clock_accepted_it(
    store: RunStore, accept: Accept
) -> None:
    ended = accept()
    run_to_the_end(store, ended)
    active = accept()
    older = "0" + active[1:]
    with store._db.write() as connection:
        connection.execute(text(f"UPDATE runs SET id = '{older}' WHERE id = '{active}'"))

    latest = store.latest(key_of("a"))

    assert latest is not None
    assert (latest.id, latest.status) == (older, PENDING)


def test_latest_done_passes_over_later_failures(store: RunStore, accept: Accept) -> None:
    done = accept()
    run_to_the_end(store, done)
    run_to_the_end(store, accept(), FAILED)
    run_to_the_end(store, accept("b"))

    found = store.latest_done(key_of("a"))

    assert found is not None
    assert found.id == done


def test_what_was_never_asked_for_is_none(store: RunStore, accept: Accept) -> None:
    accept("a")

    assert store.get("0" * 26) is None
    assert store.get("no id at all \x00") is None
    assert store.latest(key_of("b")) is None
    assert store.latest_done(key_of("a")) is None
    assert store.task_by_key(key_of("a")) is None


def test_a_full_queue_refuses_new_runs_and_still_answers_for_known_ones(
    store: RunStore, accept: Accept
) -> None:
    accept("a")
    taken = accept("b")
    with pytest.raises(TooManyRuns) as refusal:
        store.accept(new_run("c"), max_queued=2)
    assert int(refusal.value.headers["Retry-After"]) > 0
    assert not store.accept(new_run("a"), max_queued=2)[1]

    store.claim(taken, "worker", 30)

    assert store.accept(new_run("c"), max_queued=2)[1]


def test_twenty_threads_that_ask_for_the_same_key_get_one_run(store: RunStore) -> None:
    start = threading.Barrier(20)

    def ask(_: int) -> tuple[str, bool]:
        start.wait()
        run, created = store.accept(new_run(), max_queued=100)
        return run.id, created

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, range(20)))

    assert len({run_id for run_id, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1


def test_the_database_itself_refuses_a_second_active_run_of_a_key(
    store: RunStore, accept: Accept
) -> None:
    accept("a")
    twin = store_module._pending(new_run("a"))

    with store._db.write() as connection:
        assert store._insert(connection, twin) is False

    assert store.get(twin.id) is None


def test_waiting_runs_come_oldest_first_and_only_those_that_waited_long_enough(
    store: RunStore, accept: Accept
) -> None:
    ids = [accept(word) for word in "abcd"]
    store.claim(ids[0], "worker", 30)

    assert store.waiting(2) == ids[1:3]
    assert store.waiting(10) == ids[1:]
    assert store.waiting(10, older_than_seconds=60) == []
    with store._db.write() as connection:
        connection.execute(text(f"UPDATE runs SET queued = queued - 90 WHERE id = '{ids[2]}'"))
    assert store.waiting(10, older_than_seconds=60) == [ids[2]]


def test_active_counts_leave_out_what_has_ended(store: RunStore, accept: Accept) -> None:
    assert store.active_counts() == {PENDING: 0, RUNNING: 0}
    ids = [accept(word) for word in "abcd"]
    store.claim(ids[0], "worker", 30)
    run_to_the_end(store, ids[1])

    assert store.active_counts() == {PENDING: 2, RUNNING: 1}


def test_a_forked_child_opens_connections_of_its_own(store: RunStore, accept: Accept) -> None:
    run_id = accept("a")
    engine = store._db.engine

    child = os.fork()
    if child == 0:  # no assert here: it would run the parent's tests a second time
        good = store.get(run_id) is not None and store._db.engine is not engine
        good = good and store.request_cancel(run_id) is not None
        os._exit(0 if good else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store._db.engine is engine
    run = store.get(run_id)
    assert run is not None
    assert run.status == CANCELLED


def test_writers_of_several_processes_never_find_the_store_locked(
    store: RunStore, tmp_path: Path
) -> None:
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            try:
                for turn in range(25):
                    run, _ = store.accept(new_run(f"{number} {turn}"), max_queued=1000)
                    store.claim(run.id, f"worker {number}", 30)
            except BaseException as problem:
                (tmp_path / "problem").write_text(repr(problem))
                os._exit(1)
            os._exit(0)
        children.append(child)

    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert codes == [0, 0, 0, 0], (tmp_path / "problem").read_text()
    assert store.active_counts() == {PENDING: 0, RUNNING: 100}


def test_a_read_does_not_wait_for_a_write_that_is_under_way(
    store: RunStore, accept: Accept
) -> None:
    run_id = accept("a")
    with store._db.write() as connection:
        connection.execute(text("UPDATE runs SET status = 'FAILED'"))
        run = store.get(run_id)
    assert run is not None
    assert run.status == PENDING


def test_questions_about_one_key_use_indexes_among_10000_runs(store: RunStore) -> None:
    fill(store, 10_000)

    latest = plans_of(store, lambda: store.latest(key_of("77")))
    latest_done = plans_of(store, lambda: store.latest_done(key_of("77")))
    accept = plans_of(store, lambda: store.accept(new_run("new"), max_queued=10))

    for plan in (*latest, *latest_done, *accept):
        assert "Seq Scan on runs" not in plan
        # Counting what waits walks that index, which holds nothing else.
        assert "SCAN runs" not in plan.replace("SCAN runs USING COVERING INDEX ix_runs_pending", "")
    assert "uq_runs_active_key" in latest[0]
    assert "ix_runs_key" in latest[0]
    assert "ix_runs_done" in latest_done[0]


def fill(store: RunStore, count: int) -> None:
    """Add runs that are DONE, faster than by running them."""
    rows = []
    for number in range(count):
        run = dataclasses.replace(store_module._pending(new_run(str(number))), status=DONE)
        rows.append({**vars(run), "queued": 0})
    with store._db.write() as connection:
        connection.execute(insert(runs), rows)
        connection.exec_driver_sql("ANALYZE")


def plans_of(store: RunStore, ask: Callable[[], object]) -> list[str]:
    """How the database answers each SELECT of ``ask``."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    here = store._db._here()
    engines = {here.engine, here.writer}  # one and the same on PostgreSQL
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    ask()
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if store._db.is_sqlite else "EXPLAIN"
    with store._db.read() as connection:
        answers = [connection.exec_driver_sql(f"{explain} {sql}", values) for sql, values in asked]
        return ["\n".join(str(row[-1]) for row in answer) for answer in answers]


def test_a_run_that_is_done_at_once_keeps_nothing_private(store: RunStore) -> None:
    """faults 4.4, 4.5"""
    run = store.accept_done(new_run("a", word="hello"))

    assert run.params == {"word": "hello"}
    assert store.get(run.id) == run
