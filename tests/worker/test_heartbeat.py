"""What a worker learns by its heartbeats, and what it does then."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.runs.records import Run
from datanectar.statuses import PENDING, RUNNING
from datanectar.worker.end_reason import Stop
from datanectar.worker.lease import Lease
from tests.runs.conftest import new_run
from tests.worker.conftest import IdleWorker


def held_run(idle: IdleWorker, word: str) -> Run:
    """Return a run that the worker holds."""
    run_id = idle.store.accept(new_run(word), max_queued=100)[0].id
    run = idle.store.claim(run_id, idle.worker.id, 60)
    assert run is not None
    return run


def follow(idle: IdleWorker, run: Run) -> list[Stop]:
    """Have the worker follow an attempt at the run; return why it is stopped, as it is."""
    stops: list[Stop] = []
    fence = (run.id, run.attempt, run.owner)
    attempt: Any = SimpleNamespace(run=run, fence=fence, stop=stops.append)
    idle.worker._attempts[run.id] = attempt
    return stops


def test_an_attempt_at_a_run_that_is_cancelled_is_stopped_and_no_other(idle: IdleWorker) -> None:
    one, other = held_run(idle, "a"), held_run(idle, "b")
    stops, others = follow(idle, one), follow(idle, other)
    idle.store.request_cancel(one.id)

    idle.worker._heartbeat.beat()

    assert (stops, others) == ([Stop.CANCELLED], [])


def test_an_attempt_at_a_run_that_another_worker_has_is_stopped(idle: IdleWorker) -> None:
    run = held_run(idle, "a")
    stops = follow(idle, run)
    idle.store.take_back(run, "lost", 3)
    idle.store.claim(run.id, "another", 60)

    idle.worker._heartbeat.beat()

    assert stops == [Stop.SUPERSEDED]


def test_a_run_that_no_thread_follows_is_queued_again_after_two_beats(idle: IdleWorker) -> None:
    run = held_run(idle, "a")

    idle.worker._heartbeat.beat()
    assert idle.status(run.id) == RUNNING
    idle.worker._heartbeat.beat()

    assert idle.status(run.id) == PENDING
    assert idle.sent == [("run", run.id)]


def test_a_beat_renews_the_lease_and_the_children_live_until_it_ends(idle: IdleWorker) -> None:
    before = time.monotonic()

    idle.worker._heartbeat.beat()

    timeout = idle.worker._settings.heartbeat_timeout
    assert before + timeout <= idle.worker._lease.until <= time.monotonic() + timeout
    assert idle.live_until == [idle.worker._lease.until]


def test_after_a_lease_was_over_others_are_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lease = Lease(10)
    assert lease.is_steady
    now = 111.0
    assert lease.is_over and not lease.is_steady

    lease.renew(now)
    now = 120.0
    lease.renew(now)
    assert not lease.is_over and not lease.is_steady
    now = 121.5

    assert lease.is_steady
