"""What a worker asks of others, and what it does in spite of errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.runs.records import Run
from datanectar.runs.store import RunStore
from datanectar.settings import load
from datanectar.statuses import RUNNING
from datanectar.worker.worker import Worker
from tests.runs.conftest import new_run


class Bench:
    """A worker that does not run, over a real store; keeps what it sends."""

    def __init__(self, folder: Path) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.store = RunStore(f"sqlite:///{folder / 'runs.db'}")
        self.store.prepare()
        service: Any = SimpleNamespace(
            settings=load({"DATANECTAR_PROJECT": str(folder)}),
            store=self.store,
            queue=SimpleNamespace(
                send=lambda *message: self.sent.append(message), size=lambda: 1000
            ),
            children=SimpleNamespace(ask=lambda *_, **__: None),
            luigid=SimpleNamespace(end_worker=lambda *_: None),
        )
        self.worker = Worker(service)

    def lost_run(self, word: str, owner: str = "dead") -> str:
        """Return a run that a worker holds whose lease is over."""
        run_id = self.store.accept(new_run(word), max_queued=100)[0].id
        assert self.store.claim(run_id, owner, -60) is not None
        return run_id

    def status(self, run_id: str) -> str:
        run = self.store.get(run_id)
        assert run is not None
        return run.status


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.worker._lease._unbroken_since = float("-inf")
    yield bench
    bench.store.close()


@pytest.mark.parametrize(("slots", "width", "sent"), [(1, 4, 0), (3, 1000, 2), (8, 4, 3)])
def test_a_wide_run_asks_for_no_more_help_than_there_could_be(
    bench: Bench, slots: int, width: int, sent: int
) -> None:
    """Fault 3.15: with a width of 300,000 every other run waited behind its messages."""
    bench.store.beat_worker("a", "here", 1, 1.0, slots)
    run: Any = SimpleNamespace(id="r", attempt=1, width=width)
    watch: Any = SimpleNamespace(run=run)
    bench.worker._watched["r"] = watch

    bench.worker._call_for_assistance(watch)

    assert [message[-1] for message in bench.sent] == list(range(1, sent + 1))


def test_one_run_that_can_not_be_taken_back_keeps_no_other_from_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3.1: the first that raised ended each search."""
    lost = [bench.lost_run(f"word{number}") for number in range(3)]
    real = bench.store.take_back

    def take_back(run: Run, *arguments: Any, **options: Any) -> str | None:
        if run.id == lost[0]:
            raise OverflowError("int too large to convert")
        return real(run, *arguments, **options)

    monkeypatch.setattr(bench.store, "take_back", take_back)
    bench.worker._sweep()

    assert [bench.status(run_id) for run_id in lost] == [RUNNING, "PENDING", "PENDING"]


def test_a_dead_worker_is_remembered_until_all_that_it_held_is_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [bench.lost_run(f"word{number}", "neighbour") for number in range(2)]
    bench.store.beat_worker("neighbour", bench.worker._host, 2**22 - 1, 1.0, 1)
    real, broken = bench.store.take_back, {lost[0]}

    def take_back(run: Run, *arguments: Any, **options: Any) -> str | None:
        if run.id in broken:
            raise ValueError("no")
        return real(run, *arguments, **options)

    monkeypatch.setattr(bench.store, "take_back", take_back)
    bench.worker._sweep()
    assert bench.status(lost[1]) == "PENDING"
    assert "neighbour" in {worker.id for worker in bench.store.workers()}
    broken.clear()
    bench.worker._sweep()

    assert bench.status(lost[0]) == "PENDING"
    assert "neighbour" not in {worker.id for worker in bench.store.workers()}
