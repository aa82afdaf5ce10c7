"""Making the store ready: once, whoever comes first, and never over a newer version's."""

from __future__ import annotations

import fcntl
import importlib.util
import multiprocessing
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select, text

import datanectar.access.tables
import datanectar.backfills.tables
import datanectar.counters.tables
import datanectar.notifications.tables
import datanectar.retention.tables  # noqa: F401, they are in the same database
from datanectar.errors import StartupError
from datanectar.runs.migrations import migrate
from datanectar.runs.migrations.compatibility import OLDEST, compatibility
from datanectar.runs.store import RunStore
from datanectar.runs.tables import HEAD, metadata
from tests.runs.conftest import key_of, new_run


@pytest.fixture
def store(store_url: str) -> Iterator[RunStore]:
    """A prepared store of the test's own, whose tables it may change."""
    store = RunStore(store_url)
    store.prepare()
    yield store
    store.close()


def alembic_config(connection: object = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    return config


def revision_of(store: RunStore) -> str | None:
    with store._db.read() as connection:
        return migrate.stored_revision(connection)


def index_conditions(store: RunStore) -> dict[str, str]:
    """The partial indexes' conditions, which Alembic's comparison leaves out."""
    sql = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
        if store._db.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '% WHERE %'"
    )
    with store._db.read() as connection:
        return {name: " ".join(made.split()) for name, made in connection.execute(text(sql))}


def test_the_migrations_make_what_the_tables_say(store: RunStore) -> None:
    with store._db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    migrated = index_conditions(store)

    with store._db.write() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)

    assert len(migrated) == 7
    assert index_conditions(store) == migrated


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD


def test_preparing_again_changes_nothing(store: RunStore) -> None:
    run, _ = store.accept(new_run(), max_queued=10)

    store.prepare()

    assert revision_of(store) == HEAD
    assert store.get(run.id) == run


def test_a_store_that_was_taken_down_to_nothing_is_made_again(store: RunStore) -> None:
    with store._db.write() as connection:
        command.downgrade(alembic_config(connection), "base")
    with store._db.read() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]

    store.prepare()

    assert store.accept(new_run(), max_queued=10)[1]


def test_a_migration_that_fails_leaves_nothing_behind(store_url: str) -> None:
    store = RunStore(store_url)
    if store._db.file is not None:
        store._db.file.parent.mkdir()
    with store._db.write() as connection:
        connection.execute(text("CREATE TABLE tasks (in_the_way INTEGER)"))

    with pytest.raises(StartupError, match="tasks"):
        store.prepare()

    with store._db.read() as connection:
        assert inspect(connection).get_table_names() == ["tasks"]
    store.close()


@pytest.mark.parametrize("oldest", [None, "9999"])
def test_the_store_of_a_newer_version_that_rules_this_one_out_is_refused_and_left_alone(
    store: RunStore, oldest: str | None
) -> None:
    bring_to(store, "9999", oldest)

    with pytest.raises(StartupError, match=r"newer datanectar.*'9999'.*can't work") as refusal:
        store.prepare()

    assert "\n" not in refusal.value.message
    assert revision_of(store) == "9999"


def test_the_store_of_a_newer_version_that_allows_this_one_is_used_as_it_is(
    store: RunStore, caplog: pytest.LogCaptureFixture
) -> None:
    bring_to(store, "9999", HEAD)

    store.prepare()

    assert "newer datanectar" in caplog.text
    assert revision_of(store) == "9999"
    assert store.accept(new_run(), max_queued=10)[1]


def bring_to(store: RunStore, revision: str, oldest: str | None) -> None:
    with store._db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
        if oldest is None:  # of a version that notes nothing
            connection.execute(text("DROP TABLE compatibility"))
        else:
            connection.execute(text("UPDATE compatibility SET oldest = :to"), {"to": oldest})


def test_a_migrated_store_says_which_code_may_work_with_it(store: RunStore) -> None:
    with store._db.read() as connection:
        assert connection.execute(select(compatibility.c.oldest)).scalars().all() == [OLDEST]


def test_since_the_oldest_version_that_may_work_with_a_store_migrations_only_add(
    store: RunStore,
) -> None:
    """Else the processes of that version would fail beside ours: ``OLDEST`` has to go up then."""
    with store._db.write() as connection:
        command.downgrade(alembic_config(connection), OLDEST)
    before = shape(store)
    newest_first = ScriptDirectory.from_config(alembic_config()).walk_revisions(OLDEST, "head")
    for script in list(newest_first)[-2::-1]:
        with store._db.write() as connection:
            command.upgrade(alembic_config(connection), script.revision)
        after = shape(store)
        assert wrong_for_older_code(before, after) == [], script.revision
        before = after


def shape(store: RunStore) -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Return each table's columns, and the names of its unique indexes."""
    with store._db.read() as connection:
        found = inspect(connection)
        return {
            table: (
                {column["name"]: column for column in found.get_columns(table)},
                {str(index["name"]) for index in found.get_indexes(table) if index["unique"]},
            )
            for table in found.get_table_names()
        }


def wrong_for_older_code(
    before: dict[str, tuple[dict[str, Any], set[str]]],
    after: dict[str, tuple[dict[str, Any], set[str]]],
) -> list[str]:
    """Return what code that was written for ``before`` can't do with ``after``."""
    wrong = [f"{table} is gone" for table in before.keys() - after.keys()]
    for table in before.keys() & after.keys():
        (old, old_unique), (new, new_unique) = before[table], after[table]
        wrong += [f"{table}.{name} is gone" for name in old.keys() - new.keys()]
        wrong += [f"{name} of {table} is unique" for name in new_unique - old_unique]
        for name, column in new.items():
            if name not in old and not column["nullable"] and column["default"] is None:
                wrong.append(f"{table}.{name} has no default")
            if name in old and str(old[name]["type"]) != str(column["type"]):
                wrong.append(f"{table}.{name} is {column['type']}")
    return wrong


def prepare_and_accept(url: str, start: multiprocessing.synchronize.Barrier) -> None:
    start.wait()
    store = RunStore(url)
    store.prepare()
    store.accept(new_run(), max_queued=10)


def test_four_processes_may_prepare_at_once(store_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(4)
    children = [spawn.Process(target=prepare_and_accept, args=(store_url, start)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()

    assert [child.exitcode for child in children] == [0] * 4
    store = RunStore(store_url)
    assert store.latest(key_of("a")) is not None
    assert store.active_counts()["PENDING"] == 1
    store.close()


def test_who_comes_second_waits_for_the_lock_beside_the_file(tmp_path: Path) -> None:
    # Two processes that switch a new file to WAL at once would find it locked now and then.
    store = RunStore(f"sqlite:///{tmp_path}/runs.db")
    preparing = threading.Thread(target=store.prepare)
    with (tmp_path / "runs.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        preparing.start()
        preparing.join(timeout=0.3)
        assert preparing.is_alive()
        assert not (tmp_path / "runs.db").exists()
    preparing.join()
    assert revision_of(store) == HEAD
    store.close()


def test_a_lock_that_is_never_let_go_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 4.10: who waits is told for whom, and does not wait for ever."""
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0.2)
    with (tmp_path / "runs.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StartupError, match=r"held .*runs.db.lock for 0.2 s") as refusal:
            RunStore(f"sqlite:///{tmp_path}/runs.db").prepare()
    assert "\n" not in refusal.value.message


def test_a_lock_in_the_database_that_is_never_let_go_is_told(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 4.10, on PostgreSQL."""
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0.2)
    other = RunStore(postgres_database)
    with other._db.write() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(migrate._ADVISORY_LOCK)))
        with pytest.raises(StartupError, match="lock timeout") as refusal:
            RunStore(postgres_database).prepare()
    assert "\n" not in refusal.value.message
    other.close()


def test_ended_runs_of_an_older_version_lose_what_was_private(store: RunStore) -> None:
    """Fault 4.5: what ninety days have gathered goes with the migration."""
    ended = store.accept(new_run("ended", name="ada"), max_queued=10)[0].id
    waits = store.accept(new_run("waits", name="bob"), max_queued=10)[0].id
    with store._db.write() as connection:
        connection.execute(text("UPDATE runs SET status = 'DONE' WHERE id = :id"), {"id": ended})
        command.downgrade(alembic_config(connection), "0003")

    store.prepare()

    found = store.get(ended)
    assert found is not None
    assert found.params == {"name": "ada"}
    assert found.given == ["name", "secret"]
    still = store.get(waits)
    assert still is not None
    assert still.params == {"name": "bob", "secret": "s3cret"}
    if store._db.file is not None:
        connection = sqlite3.connect(store._db.file)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        assert store._db.file.read_bytes().count(b"s3cret") == 1


def test_a_store_that_is_up_to_date_is_opened_without_alembic(store: RunStore) -> None:
    url = store._db._url.render_as_string(hide_password=False)
    program = (
        "import sys; from datanectar.runs.store import RunStore; store = RunStore(sys.argv[1]);"
        "store.prepare(); store.active_counts(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, url]).returncode == 0


def test_a_sqlite_store_is_in_wal_mode_and_a_power_cut_takes_no_commit(tmp_path: Path) -> None:
    store = RunStore(f"sqlite:///{tmp_path}/new/folder/runs.db")
    store.prepare()
    with store._db.write() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    store.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000}  # FULL


def test_a_folder_that_cant_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="can't be reached") as refusal:
        RunStore(f"sqlite:///{tmp_path}/file/runs.db").prepare()
    assert "\n" not in refusal.value.message
    assert str(tmp_path) in refusal.value.message


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("something else, and quite a bit of it" * 100)
    with pytest.raises(StartupError, match="not a database") as refusal:
        RunStore(f"sqlite:///{tmp_path}/runs.db").prepare()
    assert "\n" not in refusal.value.message


@pytest.mark.skipif(
    importlib.util.find_spec("psycopg") is None, reason="the driver for PostgreSQL is an extra"
)
def test_a_server_that_is_away_is_told_in_one_line_without_the_password() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://ada:geheim@127.0.0.1:{taken.getsockname()[1]}/runs"
        with pytest.raises(StartupError, match=r"can't be reached.*refused") as refusal:
            RunStore(url).prepare()
    assert "\n" not in refusal.value.message
    assert "geheim" not in refusal.value.message
    assert refusal.value.message.count("can't be reached") == 1
