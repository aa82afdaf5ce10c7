"""What a service promises to whoever asked for a run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from datanectar.child_pool import ChildPool
from datanectar.luigid.client import Luigid
from datanectar.runs.queue import RunQueue
from datanectar.runs.store import RunStore
from datanectar.service.service import Service
from datanectar.settings import Settings
from tests.servers.bench import Bench


@pytest.fixture
def service(bench: Bench) -> Iterator[Service]:
    """A service without a worker."""
    settings: Settings = bench.settings
    store = RunStore(settings.database_url)
    store.prepare()
    children: ChildPool = bench.children
    queue, luigid = RunQueue(settings.queue_url), Luigid(settings.luigid_url, settings.state)
    yield Service(settings, store=store, queue=queue, children=children, luigid=luigid)
    store.close()


def test_the_disk_has_a_run_before_a_worker_or_the_client_hears_of_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, seen = os.fsync, []

    def look(descriptor: int) -> None:
        seen.append((service.queue.size(), len(service.store.waiting(9))))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    place = ("bad", "fail_chain", "GoodTask")
    first = service.accept(*place, {"name": "x", "evidence": "y"})
    assert seen == [(0, 1)]
    again = service.accept(*place, {"name": "x", "evidence": "y"})
    assert seen == [(0, 1), (1, 1)]  # who finds the run there may be told before the first is
    assert first.run is not None and again.run is not None
    assert first.run.id == again.run.id
