"""Which runs are taken up again, in spite of errors."""

from __future__ import annotations

from typing import Any

import pytest

from datanectar.runs.records import Run
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
