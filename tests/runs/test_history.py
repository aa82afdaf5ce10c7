"""Lists of runs, their pages and filters."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from datanectar.errors import BadRequest
from datanectar.runs import store as store_module
from datanectar.runs.ids import first_id_since
from datanectar.runs.store import RunFilters, RunStore
from datanectar.runs.tables import runs
from datanectar.statuses import PENDING, RUNNING
from tests.runs.conftest import Accept, key_of, new_run


def listed(store: RunStore, **filters: object) -> list[str]:
    found, cursor = store.list_runs(RunFilters(**filters), cursor=None, limit=100)  # type: ignore[arg-type]
    assert cursor is None
    return [run.id for run in found]


def test_runs_are_listed_newest_first_page_by_page(store: RunStore, accept: Accept) -> None:
    ids = [accept(str(number)) for number in range(5)]

    pages, cursor = [], None
    while True:
        page, cursor = store.list_runs(RunFilters(), cursor=cursor, limit=2)
        pages.append([run.id for run in page])
        accept(f"while paging {len(pages)}")  # shifts nothing
        if cursor is None:
            break

    assert pages == [ids[4:2:-1], ids[2:0:-1], ids[0::-1]]


def test_a_last_page_that_is_full_has_no_next_one(store: RunStore, accept: Accept) -> None:
    accept("a"), accept("b")
    page, cursor = store.list_runs(RunFilters(), cursor=None, limit=2)
    assert len(page) == 2
    assert cursor is None
    assert store.list_runs(RunFilters(type="other"), cursor=None, limit=2) == ([], None)


@pytest.mark.parametrize("cursor", ["", "7", "x" * 26, "0" * 25 + "\x00", "0" * 26 + "\n"])
def test_a_cursor_that_is_not_ours_is_refused(store: RunStore, cursor: str) -> None:
    with pytest.raises(BadRequest, match="not a cursor"):
        store.list_runs(RunFilters(), cursor=cursor, limit=2)


def test_each_filter_lets_through_what_it_names(store: RunStore) -> None:
    ids = {}
    for name, type_, chain, task in (
        ("a", "t1", "c1", "A"), ("b", "t1", "c2", "A"), ("c", "t2", "c1", "B"),
    ):  # fmt: skip
        new = new_run(name, task=task)
        new = type(new)(type_, chain, task, new.resolution)
        ids[name] = store.accept(new, max_queued=10)[0].id
    store.claim(ids["b"], "worker", 30)

    assert listed(store, type="t1") == [ids["b"], ids["a"]]
    assert listed(store, chain="c1") == [ids["c"], ids["a"]]
    assert listed(store, task="A", chain="c1") == [ids["a"]]
    assert listed(store, status=RUNNING) == [ids["b"]]
    assert listed(store, status=PENDING, type="t1") == [ids["a"]]
    assert listed(store, key=key_of("c", "B")) == [ids["c"]]
    assert listed(store, type="t1\x00") == []


def test_since_and_until_are_inclusive(store: RunStore) -> None:
    stamps = [1_700_000_000.123 + number for number in range(4)]
    with store._db.write() as connection:
        for number, stamp in enumerate(stamps):
            run = store_module._pending(new_run(str(number)))
            past = {"id": first_id_since(stamp)[:10] + run.id[10:], "created": stamp, "queued": 0}
            connection.execute(insert(runs), [{**vars(run), **past}])

    def seen(**filters: float) -> list[float]:
        found, _ = store.list_runs(RunFilters(**filters), cursor=None, limit=10)  # type: ignore[arg-type]
        return [run.created for run in found]

    assert seen(since=stamps[1]) == stamps[:0:-1]
    assert seen(until=stamps[1]) == stamps[1::-1]
    assert seen(since=stamps[1], until=stamps[2]) == [stamps[2], stamps[1]]
    assert seen(since=stamps[1] + 0.001, until=stamps[2] - 0.001) == []
    assert seen(since=-5.0, until=1e15) == stamps[::-1]


def test_parameters_match_whole_by_name_and_letter(store: RunStore, accept: Accept) -> None:
    a = accept("a", name="Ada", note='say "name": "Bob" 100%_\\')
    b = accept("b", name="ada", note="ünï")
    accept("c", name="Adam")

    assert listed(store, param={"name": "Ada"}) == [a]
    assert listed(store, param={"name": "ada"}) == [b]
    assert listed(store, param={"name": "Bob"}) == []
    assert listed(store, param={"name": "%"}) == []
    assert listed(store, param={"note": 'say "name": "Bob" 100%_\\'}) == [a]
    assert listed(store, param={"note": "ünï", "name": "ada"}) == [b]
    assert listed(store, param={"note": "ünï", "name": "Ada"}) == []
    assert listed(store, param={"": ""}) == []
    assert listed(store, param={"name": "\x00"}) == []


def test_a_private_parameter_cant_be_guessed_by_filters(store: RunStore, accept: Accept) -> None:
    accept("a", name="Ada")
    assert listed(store, param={"secret": "s3cret"}) == []
