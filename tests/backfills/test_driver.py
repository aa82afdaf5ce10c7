"""The driver: each item has one run, whoever drives and whatever dies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from datanectar.backfills.records import Item
from datanectar.errors import Conflict
from datanectar.runs.tables import runs
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING
from tests.backfills.conftest import PLACE, World

pytestmark = pytest.mark.slow


def items(world: World, backfill_id: str) -> list[Item]:
    return world.backfills.store.items(backfill_id)


def test_no_more_runs_go_on_than_it_says(world: World) -> None:
    backfill_id, driver = world.start(at_once=2), world.driver("a")

    driver.drive()
    driver.drive()
    assert world.days() == ["2026-01-01", "2026-01-02"]

    world.end(world.runs()[0])
    driver.drive()
    assert world.days() == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert world.counts(backfill_id) == {DONE: 1, RUNNING: 2, PENDING: 3}


def test_it_ends_when_each_item_has_and_a_failure_stops_no_other(world: World) -> None:
    backfill_id, driver = world.start("2026-01-01..2026-01-03", at_once=1), world.driver("a")

    for status, error in ((DONE, None), (FAILED, "no rows"), (DONE, None)):
        driver.drive()
        world.end(world.runs()[-1], status, error)
    driver.drive()

    backfill = world.backfills.get(backfill_id)
    assert (backfill.status, world.counts(backfill_id)) == (FAILED, {DONE: 2, FAILED: 1})
    assert [item.error for item in items(world, backfill_id)] == [None, "no rows", None]
    assert backfill.finished is not None
    assert {run.trigger for run in world.runs()} == {f"backfill {backfill_id}"}


def test_only_what_failed_or_was_cancelled_is_tried_again(world: World) -> None:
    backfill_id, driver = world.start("2026-01-01..2026-01-03", at_once=3), world.driver("a")
    driver.drive()
    done, failed, cancelled = world.runs()
    world.end(done)
    world.end(failed, FAILED, "no rows")
    world.service.cancel(cancelled.id)
    driver.drive()
    assert world.backfills.get(backfill_id).status == FAILED

    world.backfills.retry(backfill_id)
    driver.drive()

    assert world.days()[3:] == ["2026-01-02", "2026-01-03"]
    for run in world.runs()[3:]:
        world.end(run)
    driver.drive()
    assert world.backfills.get(backfill_id).status == DONE
    with pytest.raises(Conflict, match="Nothing"):
        world.backfills.retry(backfill_id)


def test_what_is_there_is_not_run(world: World) -> None:
    world.write_result("2026-01-02")
    backfill_id, driver = world.start("2026-01-01..2026-01-03", at_once=9), world.driver("a")
    world.write_result("2026-01-03")  # made by others meanwhile
    driver.drive()

    assert [(item.status, item.was_there) for item in items(world, backfill_id)] == [
        (RUNNING, False),
        (DONE, True),
        (DONE, True),
    ]
    assert [run.params["day"] for run in world.runs() if run.status == PENDING] == ["2026-01-01"]


def test_of_two_workers_one_drives(world: World) -> None:
    world.start(at_once=2)
    one, other = world.driver("a"), world.driver("b")

    one.drive()
    other.drive()
    world.end(world.runs()[0])
    other.drive()
    assert len(world.runs()) == 2

    world.service.store.forget_worker("a")  # as its neighbours do when it died
    other.drive()
    assert world.days() == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_driver_that_was_suspended_starts_nothing_twice(world: World) -> None:
    """It has read the item before, and goes on when another has driven it to its end."""
    backfill_id = world.start("2026-01-01", at_once=1)
    backfill, (stale,) = world.backfills.get(backfill_id), items(world, backfill_id)
    driver = world.driver("a")
    driver.drive()
    world.end(world.runs()[0], FAILED, "no rows")
    driver.drive()

    world.driver("b")._start(backfill, stale)

    assert len(world.runs()) == 1
    assert [item.status for item in items(world, backfill_id)] == [FAILED]


def test_a_run_on_its_way_by_another_request_counts_and_is_left_alone(world: World) -> None:
    own = world.service.accept(*PLACE, {"day": "2026-01-01"}).run
    assert own is not None
    backfill_id, driver = world.start("2026-01-01..2026-01-02", at_once=2), world.driver("a")
    driver.drive()
    assert items(world, backfill_id)[0].run_id == own.id

    world.backfills.cancel(backfill_id)
    driver.drive()
    driver.drive()

    assert [run.status for run in world.runs()] == [PENDING, CANCELLED]
    assert world.backfills.get(backfill_id).status == CANCELLED
    assert world.counts(backfill_id) == {CANCELLED: 2}


def test_a_cancelled_one_starts_nothing_more_and_goes_on_by_a_retry(world: World) -> None:
    backfill_id, driver = world.start(at_once=2), world.driver("a")
    driver.drive()

    cancelled = world.backfills.cancel(backfill_id)
    assert (cancelled.status, cancelled.cancel_requested) == (RUNNING, True)
    with pytest.raises(Conflict, match="being cancelled"):
        world.backfills.retry(backfill_id)
    driver.drive()
    driver.drive()
    assert world.backfills.get(backfill_id).status == CANCELLED
    assert [run.status for run in world.runs()] == [CANCELLED, CANCELLED]

    world.backfills.retry(backfill_id)
    driver.drive()
    assert world.days()[2:] == ["2026-01-01", "2026-01-02"]


def test_while_the_queue_is_full_it_waits(make_world: Callable[..., World]) -> None:
    world = make_world(DATANECTAR_MAX_QUEUED="1")
    backfill_id, driver = world.start("2026-01-01..2026-01-03", at_once=3), world.driver("a")

    driver.drive()
    assert world.counts(backfill_id) == {RUNNING: 1, PENDING: 2}

    world.end(world.runs()[0])
    driver.drive()
    assert world.counts(backfill_id) == {DONE: 1, RUNNING: 1, PENDING: 1}


def test_a_chain_that_broke_meanwhile_fails_its_items_by_name(world: World) -> None:
    backfill_id, driver = world.start("2026-01-01..2026-01-02"), world.driver("a")
    world.chain.write_text("import no_such_module")

    driver.drive()

    assert world.backfills.get(backfill_id).status == FAILED
    assert all("no_such_module" in (item.error or "") for item in items(world, backfill_id))
    assert world.runs() == []


def test_a_run_that_is_gone_from_the_history_is_asked_for_anew(world: World) -> None:
    backfill_id, driver = world.start("2026-01-01", at_once=1), world.driver("a")
    driver.drive()
    world.end(world.runs()[0])
    with world.service.store.database.write() as connection:
        connection.execute(runs.delete())

    driver.drive()

    (item,) = items(world, backfill_id)
    assert (item.status, item.was_there) == (DONE, True)


def test_a_driver_without_backfills_looks_now_and_then(world: World) -> None:
    driver = world.driver("a")
    driver._clock = lambda: 5.0
    driver.drive()
    world.start()
    driver.drive()
    assert world.runs() == []
    driver._clock = lambda: 6.0
    driver.drive()
    assert len(world.runs()) == 2
