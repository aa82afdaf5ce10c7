"""A schedule fires once, whoever sees it due."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datanectar.runs.schedules import Fire
from datanectar.runs.store import RunStore


def test_a_fire_is_claimed_once(store: RunStore) -> None:
    assert store.claim_fire("daily", 1_700_000_000.25)
    assert not store.claim_fire("daily", 1_700_000_000.25)
    assert store.claim_fire("daily", 1_700_086_400.25)
    assert store.claim_fire("hourly", 1_700_000_000.25)


def test_the_last_fire_is_known_by_schedule(store: RunStore) -> None:
    for fire in (20.0, 30.0, 10.0):
        store.claim_fire("daily", fire)

    assert store.last_fire("daily") == 30.0
    assert store.last_fire("hourly") is None


def test_of_many_threads_and_processes_one_gets_the_fire(store: RunStore, tmp_path: Path) -> None:
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            won = store.claim_fire("daily", 5.0)
            (tmp_path / f"{number}").write_text(str(won))
            os._exit(0)
        children.append(child)
    start = threading.Barrier(5)

    def claim(_: int) -> bool:
        start.wait()
        return store.claim_fire("daily", 5.0)

    with ThreadPoolExecutor(5) as threads:
        answers = [str(won) for won in threads.map(claim, range(5))]
    for child in children:
        os.waitpid(child, 0)
    answers += [(tmp_path / f"{number}").read_text() for number in range(3)]

    assert sorted(answers) == ["False"] * 7 + ["True"]


def test_a_pause_keeps_the_time_at_which_it_began(store: RunStore) -> None:
    store.switch_schedule("a/b_chain/CTask", True, 10.0)
    again = store.switch_schedule("a/b_chain/CTask", True, 20.0)
    assert (again.paused, again.changed) == (True, 10.0)

    store.switch_schedule("a/b_chain/CTask", False, 30.0)

    (switch,) = store.schedule_switches().values()
    assert (switch.paused, switch.changed) == (False, 30.0)


def test_a_fire_knows_the_run_that_it_led_to(store: RunStore) -> None:
    for fire_time, run_id in ((10.0, "first"), (20.0, "second"), (30.0, None)):
        store.claim_fire("daily", fire_time, owed_until=99.0)
        store.settle_fire(Fire("daily", fire_time, 99.0), run_id)

    assert store.owed_fires() == []
    assert store.last_scheduled_run("daily") == "second"
    assert store.last_scheduled_run("hourly") is None
