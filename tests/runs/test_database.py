"""Which URLs will do, and what becomes of a driver's errors."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from datanectar.errors import StartupError, Unavailable
from datanectar.runs.database import on_commit
from datanectar.runs.store import RunStore
from tests.runs.conftest import Accept, new_run


@pytest.mark.parametrize(
    "url", ["mysql://ada:geheim@db/runs", "sqlite://", "sqlite:///:memory:", "geheim", ""]
)
def test_a_url_that_wont_do_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(StartupError, match="DATANECTAR_DATABASE_URL") as refusal:
        RunStore(url)
    assert "geheim" not in refusal.value.message


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_understood(postgres_database: str, scheme: str) -> None:
    store = RunStore(postgres_database.replace("postgresql", scheme, 1))
    store.prepare()
    assert store.accept(new_run(), max_queued=1)[1]
    store.close()


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    RunStore(f"sqlite:///{tmp_path}/runs.db")
    RunStore("postgresql://nobody@localhost:1/nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_sqlite_store_that_is_damaged_is_unavailable(tmp_path: Path) -> None:
    store = RunStore(f"sqlite:///{tmp_path}/runs.db")
    store.prepare()
    store.close()
    (tmp_path / "runs.db").write_text("overwritten by mistake" * 1000)

    with pytest.raises(Unavailable, match=r"The run store .* can't be reached: .*not a database"):
        store.active_counts()
    with pytest.raises(Unavailable, match="can't be reached"):
        store.accept(new_run(), max_queued=1)


def test_connections_that_the_server_cut_are_made_again(postgres_database: str) -> None:
    store = RunStore(postgres_database)
    store.prepare()
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        name = postgres_database.rpartition("/")[2]
        admin.execute(f"{cut} AND pid <> pg_backend_pid()", [name])

    assert store.accept(new_run(), max_queued=1)[1]
    store.close()


def test_a_connection_that_is_cut_inside_a_transaction_is_unavailable(
    postgres_database: str,
) -> None:
    store = RunStore(postgres_database)
    store.prepare()
    with (
        pytest.raises(Unavailable, match="can't be reached") as refusal,
        store._db.write() as connection,
        psycopg.connect(postgres_database, autocommit=True) as admin,
    ):
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.execute(text("SELECT 1"))
    assert refusal.value.headers["Retry-After"] == "5"
    store.close()


def test_a_mistake_of_ours_is_not_passed_off_as_a_database_that_is_away(
    store: RunStore, accept: Accept
) -> None:
    accept()
    with pytest.raises(IntegrityError), store._db.write() as connection:
        connection.execute(text("INSERT INTO runs SELECT * FROM runs"))


def test_an_error_inside_a_transaction_undoes_it(store: RunStore, accept: Accept) -> None:
    run_id = accept()
    with pytest.raises(ZeroDivisionError), store._db.write() as connection:
        connection.execute(text("DELETE FROM runs"))
        _ = 1 / 0
    assert store.get(run_id) is not None


def test_callbacks_run_after_the_commit_and_only_then(store: RunStore, accept: Accept) -> None:
    run_id, seen = accept(), []

    def look() -> None:
        seen.append(store.get(run_id))

    with store._db.write() as connection:
        on_commit(connection, look)
        connection.execute(text("DELETE FROM runs"))
        assert seen == []
    assert seen == [None]
    with pytest.raises(ZeroDivisionError), store._db.write() as connection:
        on_commit(connection, look)
        _ = 1 / 0
    with store._db.write():
        pass
    assert seen == [None]
