"""Counts of several processes add up, and none is lost while the store is away."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from datanectar.counters.store import Counters
from datanectar.database import Database
from datanectar.errors import Unavailable
from datanectar.runs.store import RunStore
from datanectar.settings import sqlite_url
from datanectar.telemetry import counts


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    counts.take()
    yield
    counts.take()


def prepared(url: str) -> Database:
    store = RunStore(url)
    store.prepare()
    return store.database


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_threads_and_processes_count_adds_up(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = sqlite_url(tmp_path / "runs.db")
    if kind == "postgres":
        url = request.getfixturevalue("postgres_database")
    database = prepared(url)

    def work(number: int) -> None:
        own = Counters(Database(url))
        for n in range(20):
            counts.count("a_total", "x" if n % 2 else f"y{number % 2}")
            own.add_own()
        own._db.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Counters(database).all()["a_total"]
    assert found == {("x",): 40, ("y0",): 20, ("y1",): 20}
    database.close()


def test_what_is_counted_while_the_store_is_away_is_added_later(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    database = prepared(sqlite_url(file))
    counters = Counters(database)
    database.close()
    hidden = file.rename(tmp_path / "away.db")
    file.mkdir()
    counts.count("b_total", "x", amount=2.5)
    with pytest.raises(Unavailable):
        counters.add_own()
    file.rmdir()
    hidden.rename(file)

    found = counters.all()
    assert found["b_total"] == {("x",): 2.5}
    ((part, kind),) = found[counts.ERRORS]
    assert (part, kind) == ("store", sqlite3.OperationalError.__name__)
    database.close()


def test_a_server_can_not_invent_kinds_of_errors_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counts, "_kinds", set())
    for number in range(500):
        counts.count_error("s3", f"Code{number}")
    counts.count_error("s3", "two words\n")
    counted = counts.take()
    assert len(counted) == 101
    assert counted[counts.ERRORS, ("s3", counts.OTHER)] == 401
