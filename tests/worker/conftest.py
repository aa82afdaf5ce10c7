"""A worker that does not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from datanectar.runs.store import RunStore
from datanectar.settings import load
from datanectar.worker.worker import Worker
from tests.runs.conftest import new_run


class IdleWorker:
    """A worker that does not run, over a real store; keeps what it sends."""

    def __init__(self, folder: Path) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.live_until: list[float] = []
        self.store = RunStore(f"sqlite:///{folder / 'runs.db'}")
        self.store.prepare()
        service: Any = SimpleNamespace(
            settings=load({"DATANECTAR_PROJECT": str(folder)}),
            store=self.store,
            queue=SimpleNamespace(
                send=lambda *message: self.sent.append(message), size=lambda: 1000
            ),
            children=SimpleNamespace(ask=lambda *_, **__: None, live_until=self.live_until.append),
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
def idle(tmp_path: Path) -> Iterator[IdleWorker]:
    idle = IdleWorker(tmp_path)
    yield idle
    idle.store.close()
