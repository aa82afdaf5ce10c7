"""What a service promises to whoever asked for a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datanectar.child_pool import ChildPool
from datanectar.errors import ChainError
from datanectar.luigid.client import Luigid
from datanectar.queue import RUN_MESSAGE, RunQueue
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


def test_the_store_has_a_run_before_a_worker_hears_of_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, seen = service.queue.send, []

    def look(kind: str, run_id: str) -> None:
        other = RunStore(service.settings.database_url)  # sees what is committed
        seen.append((kind, run_id, other.waiting(9)))
        other.close()
        send(kind, run_id)

    monkeypatch.setattr(service.queue, "send", look)
    place = ("bad", "fail_chain", "GoodTask")
    first = service.accept(*place, {"name": "x", "evidence": "y"}).run
    again = service.accept(*place, {"name": "x", "evidence": "y"}).run

    assert first is not None and again is not None and first.id == again.id
    assert seen == [(RUN_MESSAGE, first.id, [first.id])]


def test_a_chain_can_not_name_a_store_that_is_not_there(service: Service, bench: Bench) -> None:
    bench.stack.chain(
        "made/odd_chain",
        """
import pathlib

from datanectar import NectarTask
from datanectar.storage.local import LocalStorage
from datanectar.util.target import NectarTarget


class OddStorage(LocalStorage):
    store_address = "tape://x"


class OddTask(NectarTask):
    def output(self):
        return NectarTarget(OddStorage(pathlib.Path("/nowhere")), self.key, "out.txt")
""",
    )
    with pytest.raises(ChainError, match="there is no store 'tape://x'"):
        service.accept("made", "odd_chain", "OddTask", {})
