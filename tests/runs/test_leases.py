"""Who holds a run, and that nobody else writes to it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from datanectar.messages import Outcome, TaskReport
from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING
from tests.runs.conftest import Accept

LONG = 1000.0
#: A lease that is over as soon as it is given.
OVER = -1.0


def claimed(store: RunStore, run_id: str, owner: str = "worker", lease: float = LONG) -> Run:
    run = store.claim(run_id, owner, lease)
    assert run is not None
    return run


def got(store: RunStore, run_id: str) -> Run:
    run = store.get(run_id)
    assert run is not None
    return run


def statuses(store: RunStore, run_id: str) -> dict[str, str]:
    return {row.task_id: row.status for row in store.tasks(run_id)}


def test_a_claimed_run_is_running_in_its_first_attempt(store: RunStore, accept: Accept) -> None:
    before = time.time()
    run_id = accept()

    run = claimed(store, run_id)

    assert run == got(store, run_id)
    assert (run.status, run.attempt, run.owner) == (RUNNING, 1, "worker")
    assert run.started is not None
    assert before - 5 < run.started < time.time() + 5


def test_only_a_pending_run_can_be_claimed(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)
    assert store.claim(run_id, "other", LONG) is None
    store.finish(run_id, 1, "worker", Outcome(DONE))
    assert store.claim(run_id, "other", LONG) is None
    assert store.claim("0" * 26, "other", LONG) is None


def test_of_many_claimers_one_gets_the_run(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    start = threading.Barrier(10)

    def claim(number: int) -> Run | None:
        start.wait()
        return store.claim(run_id, f"worker {number}", LONG)

    with ThreadPoolExecutor(10) as threads:
        winners = [run for run in threads.map(claim, range(10)) if run]

    assert len(winners) == 1
    assert got(store, run_id) == winners[0]
    assert winners[0].attempt == 1


def test_a_second_attempt_keeps_the_first_start_and_clears_what_the_first_left(
    store: RunStore, accept: Accept
) -> None:
    run_id = accept()
    first = store.claim(run_id, "one", LONG, 4242, 17.5)
    assert first is not None
    store.set_scheduler_reachable(run_id, 1, "one", False)
    seen = got(store, run_id)
    assert (seen.child_pid, seen.child_started, seen.scheduler_reachable) == (4242, 17.5, False)

    assert store.release(run_id, 1, "one", "worker stopped")
    waiting = got(store, run_id)
    second = claimed(store, run_id, "two")

    assert (waiting.status, waiting.owner, waiting.error) == (PENDING, None, "worker stopped")
    assert (second.attempt, second.owner, second.started) == (2, "two", first.started)
    assert (second.error, second.child_pid, second.child_started) == (None, None, None)
    assert second.scheduler_reachable


@pytest.mark.parametrize("attempt, owner", [(1, "worker"), (2, "other"), (3, "worker")])
def test_who_does_not_hold_the_run_can_write_nothing(
    store: RunStore, accept: Accept, attempt: int, owner: str
) -> None:
    run_id = accept()
    claimed(store, run_id)
    store.release(run_id, 1, "worker", "stopped")
    claimed(store, run_id)
    report = TaskReport("Hello_1", status=RUNNING)
    store.record(run_id, 2, "worker", [report])
    before = (got(store, run_id), store.tasks(run_id))

    late = TaskReport("Hello_1", status=DONE)
    assert not store.record(run_id, attempt, owner, [late])
    assert not store.set_scheduler_reachable(run_id, attempt, owner, False)
    assert not store.finish(run_id, attempt, owner, Outcome(DONE), [late])
    assert not store.release(run_id, attempt, owner, "stopped")

    assert (got(store, run_id), store.tasks(run_id)) == before


def test_an_ended_run_takes_no_more_reports(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)
    store.finish(run_id, 1, "worker", Outcome(DONE))

    assert not store.record(run_id, 1, "worker", [TaskReport("Hello_1", status=RUNNING)])
    assert not store.finish(run_id, 1, "worker", Outcome(FAILED))
    assert got(store, run_id).status == DONE
    assert store.tasks(run_id) == []


@pytest.mark.parametrize(
    "outcome, waiting_becomes", [(DONE, DONE), (FAILED, PENDING), (CANCELLED, PENDING)]
)
def test_the_end_is_written_whole(
    store: RunStore, accept: Accept, outcome: str, waiting_becomes: str
) -> None:
    run_id = accept()
    claimed(store, run_id)
    reports = [
        TaskReport("A", status=RUNNING),
        TaskReport("B", status=DONE, finished=5.0),
        TaskReport("C", status=RUNNING),
        TaskReport("D", status=PENDING),
    ]
    store.record(run_id, 1, "worker", reports)
    end = Outcome(outcome, error="why", traceback="where", failed_key="which")

    assert store.finish(run_id, 1, "worker", end, [TaskReport("C", status=DONE)])

    run = got(store, run_id)
    assert (run.status, run.error, run.traceback, run.failed_key) == (
        outcome, "why", "where", "which",
    )  # fmt: skip
    assert run.finished is not None
    assert run.started is not None
    assert run.finished >= run.started
    assert statuses(store, run_id) == {"A": outcome, "B": DONE, "C": DONE, "D": waiting_becomes}
    assert store.heartbeat("worker", LONG) == {}


def test_a_run_cant_end_as_something_that_is_no_end(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)

    with pytest.raises(ValueError, match="RUNNING"):
        store.finish(run_id, 1, "worker", Outcome(RUNNING))


def test_a_heartbeat_names_what_is_held_and_what_shall_be_cancelled(
    store: RunStore, accept: Accept
) -> None:
    mine, cancelled, ended, released, others = (accept(word) for word in "abcde")
    for run_id in (mine, cancelled, ended, released):
        claimed(store, run_id)
    claimed(store, others, "other")
    store.request_cancel(cancelled)
    store.request_cancel(others)
    store.finish(ended, 1, "worker", Outcome(DONE))
    store.release(released, 1, "worker", "stopped")

    held = store.heartbeat("worker", LONG)

    assert held == {mine: False, cancelled: True}
    assert store.heartbeat("nobody", LONG) == {}


def test_a_lease_runs_out_unless_a_heartbeat_renews_it(store: RunStore, accept: Accept) -> None:
    silent, alive, ended = (accept(word) for word in "abc")
    claimed(store, silent, "silent", OVER)
    claimed(store, alive, "alive", OVER)
    claimed(store, ended, "silent", OVER)
    store.finish(ended, 1, "silent", Outcome(DONE))
    assert [run.id for run in store.expired()] == [silent, alive]

    store.heartbeat("alive", LONG)

    assert store.expired() == [got(store, silent)]
    assert [run.id for run in store.held_by("silent")] == [silent]
    assert [run.id for run in store.held_by("alive")] == [alive]


def test_a_lost_run_waits_again_and_fails_after_its_last_attempt(
    store: RunStore, accept: Accept
) -> None:
    run_id = accept()
    for attempt in (1, 2):
        run = claimed(store, run_id, lease=OVER)
        store.record(run_id, attempt, "worker", [TaskReport("A", status=RUNNING, started=1.0)])
        assert store.take_back(run, "worker lost", max_attempts=3) == PENDING
        waiting = got(store, run_id)
        assert (waiting.status, waiting.owner, waiting.error) == (PENDING, None, "worker lost")
        assert statuses(store, run_id) == {"A": PENDING}
        assert store.waiting(10) == [run_id]
    run = claimed(store, run_id, lease=OVER)
    store.record(run_id, 3, "worker", [TaskReport("A", status=RUNNING)])

    assert store.take_back(run, "worker lost again", max_attempts=3) == FAILED

    ended = got(store, run_id)
    reason = "worker lost again, and so the last of 3 attempts was lost"
    assert (ended.status, ended.error) == (FAILED, reason)
    assert ended.finished is not None
    assert statuses(store, run_id) == {"A": FAILED}


def test_attempts_that_were_handed_back_are_no_losses(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    for attempt in (1, 2, 3):
        claimed(store, run_id)
        assert store.release(run_id, attempt, "worker", "its worker was stopped")

    assert store.take_back(claimed(store, run_id), "worker lost", max_attempts=2) == PENDING
    again = claimed(store, run_id)
    assert (again.attempt, again.losses) == (5, 2)
    assert store.take_back(again, "worker lost", max_attempts=2) == FAILED


def test_a_lost_run_that_was_to_be_cancelled_is(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    run = claimed(store, run_id, lease=OVER)
    store.request_cancel(run_id)

    assert store.take_back(run, "worker lost", max_attempts=3) == CANCELLED
    assert got(store, run_id).finished is not None


def test_a_released_run_that_was_to_be_cancelled_is(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)
    store.request_cancel(run_id)

    assert store.release(run_id, 1, "worker", "worker stopped")
    assert got(store, run_id).status == CANCELLED


def test_of_many_that_take_a_lost_run_back_one_does(store: RunStore, accept: Accept) -> None:
    run = claimed(store, accept(), lease=OVER)
    start = threading.Barrier(8)

    def take_back(_: int) -> str | None:
        start.wait()
        return store.take_back(run, "worker lost", max_attempts=3)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(take_back, range(8)))

    assert sorted(answers, key=str) == [None] * 7 + [PENDING]


def test_a_run_that_others_have_taken_up_is_not_taken_back(store: RunStore, accept: Accept) -> None:
    stale = claimed(store, accept(), lease=OVER)
    store.take_back(stale, "worker lost", max_attempts=3)
    claimed(store, stale.id)

    assert store.take_back(stale, "worker lost", max_attempts=3) is None
    assert got(store, stale.id).status == RUNNING


def test_an_owner_that_was_only_late_keeps_its_run(store: RunStore, accept: Accept) -> None:
    accept()
    claimed(store, store.waiting(1)[0], lease=OVER)
    (late,) = store.expired()
    store.heartbeat("worker", LONG)

    assert store.take_back(late, "worker lost", max_attempts=3, if_expired=True) is None
    assert got(store, late.id).status == RUNNING
    store.heartbeat("worker", OVER)
    assert store.take_back(late, "worker lost", max_attempts=3, if_expired=True) == PENDING


def test_cancelling_ends_a_waiting_run_at_once_and_tells_a_running_one(
    store: RunStore, accept: Accept
) -> None:
    waiting, running = accept("a"), accept("b")
    claimed(store, running)

    cancelled, told = store.request_cancel(waiting), store.request_cancel(running)

    assert cancelled is not None
    assert (cancelled.status, cancelled.cancel_requested) == (CANCELLED, False)
    assert cancelled.finished is not None
    assert cancelled.error
    assert told is not None
    assert (told.status, told.cancel_requested) == (RUNNING, True)
    assert store.claim(waiting, "worker", LONG) is None


def test_cancelling_changes_nothing_that_has_ended(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    claimed(store, run_id)
    store.finish(run_id, 1, "worker", Outcome(DONE))
    before = got(store, run_id)

    assert store.request_cancel(run_id) == before
    assert store.request_cancel("0" * 26) is None


def test_a_cancel_and_a_claim_at_once_leave_no_run_that_does_not_know(
    store: RunStore, accept: Accept
) -> None:
    with ThreadPoolExecutor(2) as threads:
        for number in range(20):
            run_id = accept(str(number))
            start = threading.Barrier(2)

            def cancel(run_id: str = run_id, start: threading.Barrier = start) -> None:
                start.wait()
                store.request_cancel(run_id)

            def claim(run_id: str = run_id, start: threading.Barrier = start) -> Run | None:
                start.wait()
                return store.claim(run_id, "worker", LONG)

            cancelling, claiming = threads.submit(cancel), threads.submit(claim)
            cancelling.result()
            if claiming.result() is None:
                assert got(store, run_id).status == CANCELLED
            else:
                assert store.heartbeat("worker", LONG)[run_id]


def kept(store: RunStore, run_id: str) -> bool:
    return "s3cret" in str(got(store, run_id).params)


def test_a_run_that_has_ended_holds_no_private_values_however_it_ended(
    store: RunStore, accept: Accept
) -> None:
    """Fault 4.5: nothing needs them any more."""
    ids = [accept(word, name="ada") for word in ("done", "failed", "waiting", "lost", "released")]
    done, failed, waiting, lost, released = ids
    for run_id in (done, failed, lost, released):
        assert claimed(store, run_id).params == {"secret": "s3cret", "name": "ada"}

    store.finish(done, 1, "worker", Outcome(DONE))
    store.finish(failed, 1, "worker", Outcome(FAILED, error="x"))
    store.request_cancel(waiting)
    assert store.take_back(got(store, lost), "lost", max_attempts=1) == FAILED
    store.request_cancel(released)
    store.release(released, 1, "worker", "cancelled")

    for run_id in ids:
        run = got(store, run_id)
        assert run.status in (DONE, FAILED, CANCELLED)
        assert run.params == run.public_params == {"name": "ada"}


def test_a_run_that_is_not_at_its_end_keeps_its_private_values(
    store: RunStore, accept: Accept
) -> None:
    lost, released, cancelled = accept("lost"), accept("released"), accept("cancelled")
    for run_id in (lost, released, cancelled):
        claimed(store, run_id)

    store.take_back(got(store, lost), "lost", max_attempts=2)
    store.release(released, 1, "worker", "stopped")
    store.request_cancel(cancelled)  # which its worker is yet to hear of
    assert not store.finish(cancelled, 1, "another", Outcome(DONE))

    assert all(kept(store, run_id) for run_id in (lost, released, cancelled))


def test_workers_are_listed_from_their_first_beat_until_they_leave(store: RunStore) -> None:
    store.beat_worker("w1", "host", 10, 5.5, 2)
    (first,) = store.workers()
    store.beat_worker("w0", "other", 11, 6.5, 4)
    store.beat_worker("w1", "host", 10, 5.5, 3)

    other, again = store.workers()
    assert (other.id, other.node, other.pid, other.pid_started) == ("w0", "other", 11, 6.5)
    assert (again.id, again.slots) == ("w1", 3)
    assert again.heartbeat > first.heartbeat
    assert abs(again.heartbeat - time.time()) < 5

    assert not again.draining
    store.drain_worker("w1")
    assert store.beat_worker("w1", "host", 10, 5.5, 3)  # a heartbeat hears of it, and keeps it
    assert [worker.draining for worker in store.workers()] == [False, True]
    assert not store.beat_worker("w0", "other", 11, 6.5, 4)

    store.forget_worker("w1")
    assert [worker.id for worker in store.workers()] == ["w0"]
