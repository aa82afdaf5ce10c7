"""Backups that are made while runs go on, and what a service does that is started from one."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from datanectar.runs.store import RunFilters
from datanectar.statuses import DONE
from tests.cli.command_line import command, in_project
from tests.servers.evidence import FAULTY
from tests.servers.postgres import new_database, programs
from tests.servers.processes import wait_for
from tests.servers.stack import Stack


@pytest.fixture
def busy(make_stack: Callable[..., Stack], tmp_path: Path) -> Callable[..., Stack]:
    """Start a stack with three runs that are done, one that goes on, and two that wait."""

    def start(**environ: str) -> Stack:
        stack = make_stack("busy", FAULTS_EVIDENCE=str(tmp_path), **environ)
        stack.environ["DATANECTAR_WORKERS"] = "1"
        stack.start()
        for number in range(3):
            stack.run(f"{FAULTY}/WorkTask", name=f"done {number}")
        for number in range(3):
            stack.client.post(f"{FAULTY}/WorkTask", name=f"waits {number}", seconds=1)
        wait_for(lambda: stack.store.active_counts()["RUNNING"], "a run goes on")
        return stack

    return start


def check_restored(restored: Stack, original: Stack) -> None:
    """Start the service from its restored store and results: every run of the backup ends."""
    shutil.copytree(original.project / "local_targets", restored.project / "local_targets")
    restored.start()
    wait_for(lambda: not sum(restored.store.active_counts().values()), "all have ended")
    assert restored.store.status_counts(RunFilters()) == {DONE: 6}
    assert restored.run(f"{FAULTY}/WorkTask", name="done 0")["job_status"] == "DONE"
    assert restored.run(f"{FAULTY}/WorkTask", name="new")["job_status"] == "DONE"


def test_a_copy_of_sqlite_is_whole_and_a_service_goes_on_from_it(
    busy: Callable[..., Stack], make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    stack, file = busy(), tmp_path / "runs backup.db"

    done = command(stack, "backup", str(file))

    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == [file.name]
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = command(stack, "backup", str(file))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    nowhere = command(stack, "backup", str(tmp_path / "no" / "folder.db"))
    assert (nowhere.returncode, "can't be written" in nowhere.stderr) == (2, True)

    restored = make_stack("restored", FAULTS_EVIDENCE=str(tmp_path))
    restored.settings.state.mkdir(parents=True)
    shutil.copy(file, restored.settings.state / "runs.db")
    check_restored(restored, stack)


@pytest.fixture
def two_databases(postgres_url: str) -> Iterator[tuple[str, str]]:
    with new_database(postgres_url) as first, new_database(postgres_url) as second:
        yield first, second


def test_a_dump_of_postgresql_is_restored_and_a_service_goes_on_from_it(
    busy: Callable[..., Stack],
    make_stack: Callable[..., Stack],
    tmp_path: Path,
    two_databases: tuple[str, str],
) -> None:
    first, second = two_databases
    stack, file = busy(DATANECTAR_DATABASE_URL=first), tmp_path / "runs.dump"

    refused = command(stack, "backup", str(file))
    assert (refused.returncode, "pg_dump --format=custom" in refused.stderr) == (2, True)
    pg = programs()
    subprocess.run([pg / "pg_dump", "--format=custom", f"--file={file}", first], check=True)
    restore = [pg / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={second}", file]
    subprocess.run(restore, check=True)

    restored = make_stack("restored", FAULTS_EVIDENCE=str(tmp_path), DATANECTAR_DATABASE_URL=second)
    check_restored(restored, stack)


def test_a_project_without_a_store_is_told(tmp_path: Path) -> None:
    done = in_project(tmp_path, "backup", "copy.db")
    assert done.returncode == 2
    assert "There is no run store" in done.stderr
