"""Every end of a run calls the hooks once, with the run as it ended; none of them can fail it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from datanectar.messages import Outcome, TaskReport
from datanectar.runs import events
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING
from tests.runs.conftest import Accept, key_of, new_run

Seen = list[tuple[str, Run]]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks that a test registers are gone after it."""
    monkeypatch.setattr(events, "_before", list(events._before))
    monkeypatch.setattr(events, "_after", list(events._after))


@pytest.fixture
def seen(hooks: None, store: RunStore) -> Seen:
    """What the hooks were called with; those after the end see it committed."""
    seen: Seen = []

    @events.before_end
    def before(connection: Connection, run: Run) -> None:
        query = text("SELECT status FROM runs WHERE id = :id")
        assert connection.execute(query, {"id": run.id}).scalar() == run.status
        seen.append(("before", run))

    @events.after_end
    def after(run: Run) -> None:
        assert store.get(run.id) == run
        seen.append(("after", run))

    return seen


def claimed(store: RunStore, run_id: str, attempt: int = 1) -> Run:
    run = store.claim(run_id, "worker", 30)
    assert run is not None and run.attempt == attempt
    return run


def outcome_reported(store: RunStore, run_id: str) -> None:
    claimed(store, run_id)
    assert store.finish(run_id, 1, "worker", Outcome(DONE))


def failed(store: RunStore, run_id: str) -> None:
    claimed(store, run_id)
    assert store.finish(run_id, 1, "worker", Outcome(FAILED, "time limit of 1 s"))


def cancelled_while_pending(store: RunStore, run_id: str) -> None:
    store.request_cancel(run_id)


def cancelled_while_running(store: RunStore, run_id: str) -> None:
    claimed(store, run_id)
    store.request_cancel(run_id)
    assert store.finish(run_id, 1, "worker", Outcome(CANCELLED, "cancelled"))


def cancelled_as_it_is_released(store: RunStore, run_id: str) -> None:
    claimed(store, run_id)
    store.request_cancel(run_id)
    assert store.release(run_id, 1, "worker", "its worker was stopped")


def cancelled_as_it_is_taken_back(store: RunStore, run_id: str) -> None:
    run = claimed(store, run_id)
    store.request_cancel(run_id)
    assert store.take_back(run, "worker lost", 3) == CANCELLED


def lost_for_good(store: RunStore, run_id: str) -> None:
    assert store.take_back(claimed(store, run_id), "worker lost", 2) == PENDING
    assert store.take_back(claimed(store, run_id, 2), "worker lost", 2) == FAILED


ENDS: list[tuple[Callable[[RunStore, str], None], str]] = [
    (outcome_reported, DONE),
    (failed, FAILED),
    (cancelled_while_pending, CANCELLED),
    (cancelled_while_running, CANCELLED),
    (cancelled_as_it_is_released, CANCELLED),
    (cancelled_as_it_is_taken_back, CANCELLED),
    (lost_for_good, FAILED),
]


@pytest.mark.parametrize(("end", "status"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_each_kind_of_end_calls_each_hook_once_with_the_run_as_it_ended(
    store: RunStore,
    accept: Accept,
    seen: Seen,
    end: Callable[[RunStore, str], None],
    status: str,
) -> None:
    run_id = accept()

    end(store, run_id)

    run = store.get(run_id)
    assert run is not None and run.status == status and run.finished is not None
    assert seen == [("before", run), ("after", run)]


def test_a_run_that_is_done_at_once_calls_the_hooks_too(store: RunStore, seen: Seen) -> None:
    run = store.accept_done(new_run())

    assert (run.status, run.attempt, run.finished) == (DONE, 0, run.created)
    assert seen == [("before", run), ("after", run)]


def test_what_does_not_end_a_run_calls_no_hook(store: RunStore, accept: Accept, seen: Seen) -> None:
    run_id = accept()
    store.take_back(claimed(store, run_id), "worker lost", 2)
    claimed(store, run_id, 2)
    store.request_cancel(run_id)
    assert not store.finish(run_id, 1, "worker", Outcome(DONE))  # of an earlier attempt
    store.finish(run_id, 2, "worker", Outcome(DONE))
    ended = len(seen)

    store.request_cancel(run_id)
    assert not store.release(run_id, 2, "worker", "stopped")

    assert ended == len(seen) == 2


def test_hooks_that_raise_are_logged_and_the_run_ends_all_the_same(
    store: RunStore, accept: Accept, hooks: None, caplog: pytest.LogCaptureFixture
) -> None:
    run_id, called = accept(), []
    claimed(store, run_id)

    @events.before_end
    def half_done(connection: Connection, run: Run) -> None:
        connection.execute(text("DELETE FROM tasks"))
        connection.execute(text("INSERT INTO no_such_table VALUES (1)"))

    @events.after_end
    def broken(run: Run) -> None:
        raise RuntimeError("the receiver is away")

    @events.after_end
    def next_one(run: Run) -> None:
        called.append(run.status)

    with caplog.at_level(logging.ERROR, "datanectar.runs.events"):
        assert store.finish(run_id, 1, "worker", Outcome(DONE), [TaskReport("T", status=RUNNING)])

    run = store.get(run_id)
    assert run is not None and run.status == DONE
    assert [task.status for task in store.tasks(run_id)] == [DONE]
    assert called == [DONE]
    assert "half_done" in caplog.text and "broken" in caplog.text
    assert "the receiver is away" in caplog.text


def test_a_hook_that_loses_the_database_leaves_the_run_as_it_was(
    store: RunStore, accept: Accept, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = accept()
    claimed(store, run_id)

    def loses(connection: Connection, run: Run) -> None:
        connection.invalidate()
        raise ConnectionError("gone")

    monkeypatch.setattr(events, "_before", [loses])
    with pytest.raises(ConnectionError):
        store.finish(run_id, 1, "worker", Outcome(DONE))

    monkeypatch.setattr(events, "_before", [])
    run = store.latest(key_of("a"))
    assert run is not None and run.status == RUNNING
    assert seen == []
    assert store.finish(run_id, 1, "worker", Outcome(DONE))
