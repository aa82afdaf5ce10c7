"""Run ids sort by time and hold it."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from datanectar.runs import ids


def test_ids_look_as_they_should_and_grow_even_within_a_millisecond() -> None:
    made = [ids.new_id() for _ in range(5000)]

    assert made == sorted(made)
    assert len(set(made)) == 5000
    assert all(ids.RUN_ID.match(run_id) for run_id in made)


def test_ids_grow_under_threads_too() -> None:
    """Fault 3.22: an id drawn later by another thread was smaller."""
    made: list[list[str]] = [[] for _ in range(8)]
    begin = threading.Barrier(8)

    def draw(mine: list[str]) -> None:
        begin.wait()
        mine.extend(ids.new_id() for _ in range(2000))

    threads = [threading.Thread(target=draw, args=(mine,)) for mine in made]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert all(mine == sorted(mine) for mine in made)
    assert len({run_id for mine in made for run_id in mine}) == 16_000


def test_ids_grow_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert ids.new_id() > before


def test_an_id_holds_the_time_at_which_it_was_made() -> None:
    before = time.time()
    made = ids.made_at(ids.new_id())
    assert before - 0.001 <= made <= time.time()


@pytest.mark.parametrize("stamp", [0.0, 1_465_000_000.001, 1_700_000_000.123, 1_999_999_999.999])
def test_the_bounds_of_a_stamp_enclose_its_ids_and_no_others(stamp: float) -> None:
    low, high = ids.first_id_since(stamp), ids.first_id_after(stamp)

    assert ids.made_at(low) == stamp
    assert low < high
    assert low[:10] + "z" * 16 < high
    assert ids.made_at(high) == pytest.approx(stamp + 0.001, abs=1e-6)
