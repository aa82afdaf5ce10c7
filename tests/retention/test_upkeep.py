"""What workers do by themselves: one of them clears the history, and purges where a setting says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from sqlalchemy import insert

from datanectar.retention.upkeep import Upkeep
from datanectar.runs import store as store_module
from datanectar.runs.ids import first_id_since
from datanectar.runs.store import RunStore
from datanectar.runs.tables import runs
from datanectar.statuses import CANCELLED
from tests.retention.conftest import DAY, House, MakeHouse
from tests.runs.conftest import new_run
from tests.servers.stack import Stack


def insert_ended(store: RunStore, finished: float) -> str:
    run = store_module._pending(new_run(str(finished)))
    run_id = first_id_since(finished - 1)[:10] + run.id[10:]
    row = {**vars(run), "id": run_id, "status": CANCELLED, "finished": finished, "queued": 0.0}
    with store.database.write() as connection:
        connection.execute(insert(runs), [row])
    return run_id


def test_the_history_is_cleared_by_one_worker(house: House) -> None:
    store = house.service.store
    old, young = insert_ended(store, 5.0), insert_ended(store, time.time())
    store.beat_worker("silent", "host", 1, 1.0, 1)
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE workers SET heartbeat = 5.0")
    store.claim_fire("daily", 10.0), store.claim_fire("daily", 20.0)
    result = house.make(house.key("LoadTask"), 400)

    Upkeep(house.service, "a").look()

    assert (store.get(old), store.get(young) is not None) == (None, True)
    assert store.workers() == []
    assert store.claim_fire("daily", 10.0) and not store.claim_fire("daily", 20.0)
    assert result.exists()  # DATANECTAR_PURGE_EVERY is 0
    later = insert_ended(store, 5.0)
    Upkeep(house.service, "b").look()
    assert store.get(later) is not None  # within the hour


def test_results_are_purged_where_the_setting_says_so(make_house: MakeHouse) -> None:
    house = make_house(DATANECTAR_PURGE_EVERY="12")
    result = house.make(house.key("LoadTask"), 400)
    Upkeep(house.service, "a").look()
    assert not result.exists()
    result = house.make(house.key("LoadTask"), 400)
    Upkeep(house.service, "b").look()
    assert result.exists()  # within the twelve hours


def test_a_worker_that_fails_leaves_the_chore_to_the_next(make_house: MakeHouse) -> None:
    house = make_house(DATANECTAR_PURGE_EVERY="12")
    result = house.make(house.key("LoadTask"), 400)

    def refuse(*_: object) -> None:
        raise OSError("no children")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.service.catalog, "chains", refuse)
        with pytest.raises(OSError, match="no children"):
            Upkeep(house.service, "a").look()
    Upkeep(house.service, "b").look()
    assert not result.exists()


@pytest.mark.slow
def test_a_worker_purges_while_it_works(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(
        DATANECTAR_KEEP_RESULTS="30 days", DATANECTAR_PURGE_EVERY="1", DATANECTAR_IMPORT_TIMEOUT="5"
    )
    folder = stack.project / "local_targets" / "chains/basic/plain_chain/GreetTask" / ("0" * 32)
    folder.mkdir(parents=True)
    (folder / "out.txt").write_text("hello")
    old = time.time() - 31 * DAY
    os.utime(folder / "out.txt", (old, old))

    stack.start()
    status = stack.run("basic/plain_chain/GreetTask", name="new")

    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists()
    assert (stack.project / "local_targets" / status["key"] / "out.txt").exists()
