"""Which URLs are taken, what a transaction is, and what becomes of a driver's errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from datanectar.database import Database, on_commit
from datanectar.errors import StartupError, Unavailable


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind, with one row in one table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/things.db")
    else:
        database = Database(request.getfixturevalue("postgres_database"))
    with database.write() as connection:
        connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO things VALUES (1)"))
    yield database
    database.close()


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM things")).scalar_one())


@pytest.mark.parametrize(
    "url", ["mysql://ada:geheim@db/runs", "sqlite://", "sqlite:///:memory:", "geheim", ""]
)
def test_a_url_that_wont_do_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(StartupError, match="DATANECTAR_DATABASE_URL") as refusal:
        Database(url)
    assert "geheim" not in refusal.value.message


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_understood(postgres_database: str, scheme: str) -> None:
    database = Database(postgres_database.replace("postgresql", scheme, 1))
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/runs.db")
    Database("postgresql://nobody@localhost:1/nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_sqlite_file_that_is_damaged_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("overwritten by mistake" * 1000)
    database = Database(f"sqlite:///{tmp_path}/runs.db")

    with pytest.raises(Unavailable, match=r"The run store .* can't be reached: .*not a database"):
        count(database)
    with pytest.raises(Unavailable, match="can't be reached"), database.write():
        pass


def test_connections_that_the_server_cut_are_made_again(postgres_database: str) -> None:
    database = Database(postgres_database)
    with database.read() as connection:
        first = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [first])

    with database.read() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() != first
    database.close()


def test_a_connection_that_is_cut_inside_a_transaction_is_unavailable(
    postgres_database: str,
) -> None:
    database = Database(postgres_database)
    with (
        pytest.raises(Unavailable, match="can't be reached") as refusal,
        database.write() as connection,
        psycopg.connect(postgres_database, autocommit=True) as admin,
    ):
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.execute(text("SELECT 1"))
    assert refusal.value.headers["Retry-After"] == "5"
    database.close()


def test_a_mistake_of_ours_is_not_passed_off_as_a_database_that_is_away(
    database: Database,
) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("INSERT INTO things SELECT * FROM things"))


def test_an_error_inside_a_transaction_undoes_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(text("DELETE FROM things"))
        _ = 1 / 0
    assert count(database) == 1


def test_callbacks_run_after_the_commit_and_only_then(database: Database) -> None:
    seen: list[int] = []

    with database.write() as connection:
        on_commit(connection, lambda: seen.append(count(database)))
        connection.execute(text("DELETE FROM things"))
        assert seen == []
    assert seen == [0]
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        on_commit(connection, lambda: seen.append(count(database)))
        _ = 1 / 0
    with database.write():
        pass
    assert seen == [0]


def test_a_commit_on_sqlite_is_on_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/things.db")
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    database.close()
