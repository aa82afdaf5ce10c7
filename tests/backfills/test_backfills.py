"""What a backfill is asked for: its items, what is missing, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from datanectar.errors import BadRequest, NotFound
from datanectar.statuses import DONE
from tests.backfills.conftest import World

pytestmark = pytest.mark.slow


def planned(world: World, over: dict[str, object], **params: object) -> list[dict[str, str]]:
    return [item.params for item in world.backfills.plan(world.request(over, **params))]


def refusal(world: World, over: dict[str, object], **params: object) -> dict[str, str]:
    with pytest.raises(BadRequest) as refused:
        world.backfills.plan(world.request(over, **params))
    return refused.value.fields


def test_of_several_parameters_each_combination_is_an_item(world: World) -> None:
    over = {"day": "2026-01-01..2026-01-02", "country": ["de", "fr"]}
    assert planned(world, over, size=3) == [
        {"day": "2026-01-01", "country": "de"},
        {"day": "2026-01-01", "country": "fr"},
        {"day": "2026-01-02", "country": "de"},
        {"day": "2026-01-02", "country": "fr"},
    ]


def test_what_has_the_same_key_is_one_item(world: World) -> None:
    over = {"day": ["2026-01-01", "2026-01-01"], "shown": "1..3"}
    assert planned(world, over) == [{"day": "2026-01-01", "shown": "1"}]


def test_what_can_not_be_read_is_named(world: World) -> None:
    fields = refusal(world, {"day": "2026-01-01..never", "nothing": "1..2"})
    assert "a date such as" in fields["day"]
    assert "unknown; this task takes day, country" in fields["nothing"]
    assert "required" in refusal(world, {"size": "1..2"})["day"]
    assert "whole number" in refusal(world, {"day": "2026-01-01"}, size="many")["size"]
    assert set(refusal(world, {"day": "2026-01-01"}, day="2026-01-01")) == {"day"}
    assert "private" in refusal(world, {"day": "2026-01-01"}, password="y")["password"]
    with pytest.raises(NotFound):
        world.backfills.get("nothing")


def test_how_many_items_there_are_is_bounded(make_world: Callable[..., World]) -> None:
    world = make_world(DATANECTAR_MAX_BACKFILL_ITEMS="4")
    assert len(planned(world, {"size": "1..4"}, day="2026-01-01")) == 4
    assert "more than 4" in refusal(world, {"size": "1..5"}, day="2026-01-01")["size"]
    over = {"day": "2026-01-01..2026-01-03", "size": "1..2"}
    assert set(refusal(world, over)) == {"day", "size"}
    assert "more than 4" in refusal(world, {"size": f"0..{10**18}"}, day="2026-01-01")["size"]


def test_the_same_request_while_it_goes_on_is_the_same_backfill(world: World) -> None:
    first, is_new = world.backfills.start(world.request())
    again, is_new_again = world.backfills.start(world.request())
    assert (is_new, is_new_again, first.id) == (True, False, again.id)
    assert world.backfills.start(world.request(over="2026-01-01..2026-01-05"))[1]


def test_one_for_which_all_is_there_is_done_at_once(world: World) -> None:
    world.write_result("2026-01-01")
    backfill, _ = world.backfills.start(world.request("2026-01-01"))
    assert (backfill.status, world.counts(backfill.id)) == (DONE, {DONE: 1})


def test_old_ones_leave_the_store(world: World) -> None:
    world.write_result("2026-01-01")
    ended, goes_on = world.start("2026-01-01"), world.start()
    world.backfills.store.purge(2e10)
    found, _ = world.backfills.store.page(cursor=None, limit=9)
    assert [backfill.id for backfill in found] == [goes_on]
    assert world.backfills.store.items(ended) == []
