"""What a worker asks of others."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.queue import RunQueue
from datanectar.worker.worker import _Consumer
from tests.worker.conftest import IdleWorker


@pytest.mark.parametrize(("slots", "width", "sent"), [(1, 4, 0), (3, 1000, 2), (8, 4, 3)])
def test_a_wide_run_asks_for_no_more_help_than_there_could_be(
    idle: IdleWorker, slots: int, width: int, sent: int
) -> None:
    """Fault 3.15: with a width of 300,000 every other run waited behind its messages."""
    idle.store.beat_worker("a", "here", 1, 1.0, slots)
    run: Any = SimpleNamespace(id="r", attempt=1, width=width)
    attempt: Any = SimpleNamespace(run=run)
    idle.worker._attempts["r"] = attempt

    idle.worker._call_assistants(attempt)

    assert [message[-1] for message in idle.sent] == list(range(1, sent + 1))


def test_the_consumer_leaves_the_signals_to_the_worker(tmp_path: Path) -> None:
    """A SIGTERM between the start of Huey's threads and the worker's own handler was lost."""
    queue = RunQueue(f"sqlite:///{tmp_path / 'queue.db'}")
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    consumer = _Consumer(queue.huey, workers=1, periodic=False)

    consumer.start()
    consumer.stop_flag.set()

    assert [signal.getsignal(number) for number in numbers] == before
    for _, thread in consumer.worker_threads:
        thread.join(30)
        assert not thread.is_alive()
