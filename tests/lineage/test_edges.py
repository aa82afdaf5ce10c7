"""The pairs that are read of the run store, on both of its databases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from datanectar.keys import digest, parse_key
from datanectar.lineage.drop import downstream_first
from datanectar.lineage.edges import newest_rows, pairs
from datanectar.lineage.results import Lineage
from datanectar.lineage.tasks import RecordedTasks
from datanectar.runs.ids import new_id
from datanectar.runs.store import RunStore
from datanectar.runs.tables import tasks
from tests.runs.conftest import DATABASES


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    if request.param == "sqlite":
        store = RunStore(f"sqlite:///{tmp_path / 'state' / 'runs.db'}")
    else:
        store = RunStore(request.getfixturevalue("postgres_database"))
    store.prepare()
    yield store
    store.close()


def key(task: str) -> str:
    return f"chains/a/b_chain/{task}/{digest(task)}"


def add_run(store: RunStore, requires: dict[str, list[str]], **params: str) -> str:
    """Add the tasks of a run, by id; those in lower case have no key."""
    run_id = new_id()
    rows = [
        {
            "run_id": run_id,
            "task_id": name,
            "key": None if name.islower() else key(name),
            "family": name,
            "requires": needed or None,
            "params": params or None,
            "started": time.time(),
        }
        for name, needed in requires.items()
    ]
    with store.database.write() as connection:
        connection.execute(insert(tasks), rows)
    return run_id


def test_tasks_without_a_key_are_joined_over_and_only_within_their_run(store: RunStore) -> None:
    add_run(store, {"A": [], "step": ["A"], "deep": ["step"], "B": ["deep", "nowhere"]})
    add_run(store, {"C": [], "step": ["C"], "D": ["step"], "E": ["E"]})
    found = pairs(store.database, newest_rows(tasks.c.run_id != ""), by_key=True)
    assert found == {(key("A"), key("B")), (key("C"), key("D"))}
    by_path = pairs(store.database, newest_rows(tasks.c.run_id != ""), by_key=False)
    assert by_path == {("a/b_chain/A", "a/b_chain/B"), ("a/b_chain/C", "a/b_chain/D")}


def test_what_was_read_is_kept_and_what_comes_later_is_added(store: RunStore) -> None:
    recorded = RecordedTasks(store.database)
    assert recorded.now().pairs == set()
    first = add_run(store, {"A": [], "B": ["A"]}, file="in/a.csv#modified=1,2")
    assert recorded.now().pairs == {("a/b_chain/A", "a/b_chain/B")}
    assert recorded.now().files["a/b_chain/A"] == ["in/a.csv"]
    with store.database.write() as connection:
        connection.execute(tasks.delete().where(tasks.c.run_id == first))
    add_run(store, {"B": [], "C": ["B"]})
    both = {("a/b_chain/A", "a/b_chain/B"), ("a/b_chain/B", "a/b_chain/C")}
    assert recorded.now().pairs == both
    assert recorded.now().where(lambda name: not name.endswith("A")).pairs == both - {
        ("a/b_chain/A", "a/b_chain/B")
    }


@pytest.mark.parametrize(
    "edges",
    ["AB BC", "AB AC BD CD", "AC AB BC", "AB BC CB", "AB BA"],
)
def test_what_was_made_from_a_result_is_dropped_before_it(edges: str) -> None:
    feeds = [(key(one), key(other)) for one, other in edges.split()]
    found = Lineage(parse_key(key("A")), None, pairs=set(feeds))
    order = [str(each) for each in downstream_first(found)]
    assert len(order) == len({*order}) == len({name for pair in feeds for name in pair})
    assert order[-1] == key("A")
    if edges not in ("AB BC CB", "AB BA"):  # a changed chain may require the other way round
        assert all(order.index(one) > order.index(other) for one, other in feeds)
