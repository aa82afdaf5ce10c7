"""Does once, in the fork server, what every child does first, so that children find it done.

The first resolve and the first build in a process read configuration, compile patterns, import
what is imported late, and let Python specialise its bytecode. In a fork each of these is paid
again, and the pages that it writes are copied. Here a chain of ours is resolved and run for real,
in a folder that is thrown away, against a scheduler in a process that ends with it; then every
trace that a chain could notice is removed. What must be paid in each fork all the same, its copies
of pages, is learnt from two forks that do it once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from luigi.scheduler import Scheduler

from datanectar import settings
from datanectar.child import resolve
from datanectar.child.isolation import luigi_restored
from datanectar.forkserver.prefault import Pages, besides, learn
from datanectar.forkserver.protocol import RESOLVE, RUN, RUN_TOO
from datanectar.keys import run_time_text
from datanectar.messages import Resolution, ResolveJob, RunJob, decode, encode
from datanectar.runner import build
from datanectar.runner import task_log as log
from datanectar.statuses import DONE
from datanectar.storage.registry import default_name, storage_named

#: Seconds that it may take; on a quiet machine it takes 0.2.
_LIMIT = 20

#: As the children of a shared fork server resolve, which are on Linux.
_STAYS = sys.platform == "linux"
_TYPE, _CHAIN, _TASK = "warming", "warming_chain", "WarmingTask"
_SOURCE = """
import luigi

from datanectar import NectarTask


class WarmingTask(NectarTask):
    name = luigi.Parameter(default="nobody")

    def run(self):
        print(self.name)
        with self.output().open("w") as out:
            out.write(self.name)
"""


def warm() -> Resolution:
    """Resolve and run a chain of ours, leave no trace of it, and return what was resolved.

    Raises:
        RuntimeError: when its run fails, with the reason.
    """
    storage_named(default_name(settings.current())).preload()
    with _stage() as folder:
        resolution = _resolve()
        _run(resolution, folder)
    return resolution


def pages_written(resolution: Resolution) -> dict[int, Pages[int]]:
    """Return which pages children write to as they do the same again, by duty."""
    with _stage() as folder:
        to_resolve, to_run = learn(_resolve), learn(lambda: _run(resolution, folder))
    return {RESOLVE: to_resolve, RUN: to_run, RUN_TOO: besides(to_run, to_resolve)}


def _resolve() -> Resolution:
    job = encode(ResolveJob(_TYPE, _CHAIN, _TASK, {"name": "warm"}, run_time_text(), _STAYS))
    return resolve.resolve(decode(job))


def _run(resolution: Resolution, folder: Path) -> None:
    job = decode(encode(_run_job(resolution, folder)))
    outcome = build.run(job, lambda report: None)
    if outcome.status != DONE:
        raise RuntimeError(outcome.error)


@contextlib.contextmanager
def _stage() -> Iterator[Path]:
    """Give the folder of a project that has the chain, for the block; then all is as it was."""
    with (
        tempfile.TemporaryDirectory(prefix="datanectar-warming-") as folder,
        _time_limit(),
        luigi_restored(),
        _imports_as_they_were(),
        _output_as_it_was(),
        _scheduler() as url,
        _project(Path(folder), url),
    ):
        yield Path(folder)


def _run_job(resolution: Resolution, folder: Path) -> RunJob:
    return RunJob(
        run_id="warming",
        attempt=1,
        type=_TYPE,
        chain=_CHAIN,
        task=_TASK,
        params=resolution.params,
        run_time=resolution.run_time,
        key=resolution.key,
        attempt_dir=str(folder / "spool"),
    )


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raise in the block when it takes too long: a run waits for its scheduler for ever."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"warming takes longer than {_LIMIT} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _project(folder: Path, luigid_url: str) -> Iterator[None]:
    """Let the settings in force be those of a project in ``folder`` that has the chain."""
    chain = folder / "code" / "chains" / _TYPE / f"{_CHAIN}.py"
    chain.parent.mkdir(parents=True)
    chain.write_text(_SOURCE)
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("DATANECTAR_")]:
        del os.environ[name]
    os.environ.update(ENV="local", DATANECTAR_PROJECT=str(folder), DATANECTAR_LUIGID_URL=luigid_url)
    settings.current.cache_clear()
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
        settings.current.cache_clear()
        settings.current()


@contextlib.contextmanager
def _output_as_it_was() -> Iterator[None]:
    kept = [(number, os.dup(number)) for number in (1, 2)]
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        log.drop_held_output()


@contextlib.contextmanager
def _imports_as_they_were() -> Iterator[None]:
    """Have Python forget the chain and where it lay, and keep what else was imported late."""
    path, hooks, finders = list(sys.path), list(sys.path_hooks), set(sys.path_importer_cache)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "chains"]:
            del sys.modules[name]
        for place in set(sys.path_importer_cache) - finders:
            del sys.path_importer_cache[place]
        sys.path[:], sys.path_hooks[:] = path, hooks


@contextlib.contextmanager
def _scheduler() -> Iterator[str]:
    """Have a fork answer as luigid does: this process gets no thread, and keeps nothing of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        pid = os.fork()
        if pid == 0:
            try:
                _answer_calls(listener)
            finally:
                os._exit(0)
    try:
        yield address
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _answer_calls(listener: socket.socket) -> None:
    """Answer on one connection; as much of luigi/server.py as one run needs."""
    scheduler: Any = Scheduler()
    stream = listener.accept()[0].makefile("rwb")
    while request := stream.readline():
        method = request.split()[1].decode().rpartition("/")[2]
        headers = dict(line.split(b": ") for line in iter(stream.readline, b"\r\n"))
        data = parse_qs(stream.read(int(headers[b"Content-Length"])).decode())["data"][0]
        answer = getattr(scheduler, method)(**json.loads(data))
        body = json.dumps({"response": answer}).encode()
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.flush()
