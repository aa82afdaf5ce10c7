"""Which runs are taken up again, in spite of errors."""

from __future__ import annotations

from typing import Any

import pytest

from datanectar.notifications.records import Webhook
from datanectar.notifications.store import WebhookStore
from datanectar.runs.records import Run
from datanectar.runs.tables import workers
from datanectar.statuses import PENDING, RUNNING
from tests.worker.conftest import IdleWorker


def test_one_run_that_can_not_be_taken_back_keeps_no_other_from_it(
    idle: IdleWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3.1: the first that raised ended each search."""
    lost = [idle.lost_run(f"word{number}") for number in range(3)]
    real = idle.store.take_back

    def take_back(run: Run, *arguments: Any, **options: Any) -> str | None:
        if run.id == lost[0]:
            raise OverflowError("int too large to convert")
        return real(run, *arguments, **options)

    monkeypatch.setattr(idle.store, "take_back", take_back)
    idle.worker._recover()

    assert [idle.status(run_id) for run_id in lost] == [RUNNING, PENDING, PENDING]


def test_a_dead_worker_is_remembered_until_all_that_it_held_is_taken_back(
    idle: IdleWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [idle.lost_run(f"word{number}", "neighbour") for number in range(2)]
    idle.store.beat_worker("neighbour", idle.worker._host, 2**22 - 1, 1.0, 1)
    real, broken = idle.store.take_back, {lost[0]}

    def take_back(run: Run, *arguments: Any, **options: Any) -> str | None:
        if run.id in broken:
            raise ValueError("no")
        return real(run, *arguments, **options)

    monkeypatch.setattr(idle.store, "take_back", take_back)
    idle.worker._recover()
    assert idle.status(lost[1]) == PENDING
    assert "neighbour" in {worker.id for worker in idle.store.workers()}
    broken.clear()
    idle.worker._recover()

    assert idle.status(lost[0]) == PENDING
    assert "neighbour" not in {worker.id for worker in idle.store.workers()}


def test_webhooks_are_told_once_of_each_worker_that_is_lost(idle: IdleWorker) -> None:
    store, webhooks = idle.store, WebhookStore(idle.store.database)
    webhooks.add(Webhook("hook", "https://example.org/", "", 0.0, events=["worker.lost"]))
    store.beat_worker("died", idle.worker._host, 2**22 - 1, 1.0, 1)
    for name in ("silent", "alive", "stopped"):
        store.beat_worker(name, "another host", 1, 1.0, 1)
    with store.database.write() as connection:
        hour_ago = workers.c.heartbeat - 3600
        of_silent = workers.update().where(workers.c.id.in_(("silent", "stopped")))
        connection.execute(of_silent.values(heartbeat=hour_ago))
    store.forget_worker("stopped")

    for _ in range(2):
        idle.worker._recover()
    idle.worker._recovery._told.clear()  # as another worker would
    idle.worker._recover()

    told = {one.event.subject: one.event.data["error"] for one in webhooks.deliveries("hook", 9)}
    assert told == {"died": "worker died died", "silent": "worker silent is silent"}
    assert len(webhooks.deliveries("hook", 9)) == 2
