"""What is due is started though it can't be accepted at that moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datanectar import cron
from datanectar.child_pool import ChildPool
from datanectar.luigid.client import Luigid
from datanectar.queue import RunQueue
from datanectar.runs.store import RunFilters, RunStore
from datanectar.service.schedules import Schedule
from datanectar.service.service import Service
from datanectar.settings import load
from datanectar.worker.scheduler import Scheduler
from tests.servers.stack import CATALOGUE

PLACE = ("wide", "wide_chain", "EveryMinuteTask")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service with room for one run, and no worker that would take it."""
    shutil.copytree(CATALOGUE / "wide", tmp_path / "code" / "chains" / "wide")
    settings = load({"DATANECTAR_PROJECT": str(tmp_path), "DATANECTAR_MAX_QUEUED": "1"})
    settings.state.mkdir()
    store = RunStore(settings.database_url)
    store.prepare()
    children = ChildPool(settings, ahead=1)
    children.start()
    yield Service(
        settings,
        store=store,
        queue=RunQueue(settings.queue_url),
        children=children,
        luigid=Luigid(settings.luigid_url, settings.state),
    )
    children.close()
    store.close()


def test_a_due_run_that_the_full_queue_refuses_is_started_when_there_is_room(
    service: Service,
) -> None:
    store = service.store
    last = time.time() - 1800
    every_minute = Schedule(*PLACE, "* * * * *", cron.parse("* * * * *"))
    store.claim_fire(every_minute.name, last)  # so it is due now
    waiting = service.accept("wide", "wide_chain", "LeafTask", {"name": "first", "number": "1"}).run
    assert waiting is not None
    scheduler = Scheduler(service)

    scheduler.fire_due()
    refused, _ = store.list_runs(RunFilters(task="EveryMinuteTask"), cursor=None, limit=9)
    service.cancel(waiting.id)
    scheduler.fire_due()
    scheduler.fire_due()

    started, _ = store.list_runs(RunFilters(task="EveryMinuteTask"), cursor=None, limit=9)
    assert refused == []
    assert [run.trigger for run in started] == ["schedule"]
