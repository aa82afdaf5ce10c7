"""A real PostgreSQL, from the ``pgserver`` wheel's binaries or the system's.

Only the wheel's programs are used, not its own starter: as root, that one adds a system user and
opens every folder above the data to everybody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers.optional import require
from tests.servers.processes import free_port

#: Durability is not tested by pulling plugs; without it a test database costs milliseconds.
NOT_DURABLE = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test session, its superuser and first database."""
    with postgres_server(NOT_DURABLE) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database on that server, dropped after the test."""
    with new_database(postgres_url) as url:
        yield url


@contextmanager
def new_database(postgres_url: str) -> Iterator[str]:
    """Make an empty database on that server for the length of a ``with`` block."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{postgres_url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_server(options: str = "") -> Iterator[str]:
    """Run a PostgreSQL with options for its server program; yield its URL."""
    account = _account()
    programs = _programs(account)
    if programs is None:
        require("PostgreSQL", "venv/bin/pip install pgserver, or apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="datanectar-postgres-"))
    try:
        if account:
            shutil.chown(folder, account)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        _run([*initdb, "--no-sync"], account)
        port = _start(programs, data, options, account)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, such as ``pg_dump``, of the servers' own version."""
    found = _programs(_account())
    assert found is not None
    return found


def _account() -> str | None:
    """The account to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _programs(account: str | None) -> Path | None:
    """The first folder whose programs that account can run."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pgserver")
    if wheel and wheel.origin:
        folders.insert(0, Path(wheel.origin).parent / "pginstall" / "bin")
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if _can_run(folder, account)), None)


def _can_run(folder: Path, account: str | None) -> bool:
    try:
        _run([folder / "postgres", "--version"], account)
        _run([folder / "initdb", "--version"], account)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _start(programs: Path, data: Path, options: str, account: str | None) -> int:
    for last_try in (False, False, True):
        port = free_port()
        all_options = f"{options} -c listen_addresses=127.0.0.1 -p {port} -k {data.parent}"
        log = data.parent / "server.log"
        start = [programs / "pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "-o", all_options]
        try:
            _run([*start, "start"], account)
        except subprocess.CalledProcessError:
            if last_try:  # otherwise another process may have taken the port in between
                require("a PostgreSQL that starts", f"see {log.read_text()[-500:]}")
            continue
        return port
    raise AssertionError("unreachable")


def _run(command: list[Any], account: str | None) -> None:
    # Not through pipes: the server would keep them open, and the reader would never see their end.
    identity: dict[str, Any] = {"user": account, "group": _group(account), "extra_groups": []}
    subprocess.run(
        [str(word) for word in command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **(identity if account else {}),
    )


def _group(account: str | None) -> int | None:
    return pwd.getpwnam(account).pw_gid if account else None
