"""Does once, in the fork server, what every child would do first.

The first resolve and the first build in a process read configuration, compile patterns, import what
is imported late, and let Python specialise its bytecode. In a fork each of these is paid again, and
the pages that it writes are copied. Here a small chain is resolved and run for real, in a temporary
project and with a scheduler in a process that ends with it. Then every trace that a chain could
notice is removed.

This saves 35 to 50 % of a trivial run's time (see docs/performance.md). It costs 0.2 s at the start
of a fork server, and this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from luigi.scheduler import Scheduler

from datanectar import settings
from datanectar.child import resolve
from datanectar.child.isolation import luigi_restored
from datanectar.engines.messages import AttemptLost
from datanectar.keys import run_time_text
from datanectar.messages import Resolution, ResolveJob, RunJob, decode, encode
from datanectar.runner import build, output
from datanectar.statuses import DONE
from datanectar.storage.registry import default_name, storage_named

#: Seconds that it may take; on a quiet machine it takes 0.2.
_LIMIT = 20

#: Children of a shared fork server, which there is on Linux only, stay after a resolve.
_STAYS = sys.platform == "linux"
_TYPE, _CHAIN, _TASK = "warm_up", "warm_up_chain", "WarmUpTask"
_SOURCE = """
import luigi

from datanectar import NectarTask


class WarmUpTask(NectarTask):
    name = luigi.Parameter(default="nobody")

    def run(self):
        print(self.name)
        with self.output().open("w") as out:
            out.write(self.name)
"""


@contextlib.contextmanager
def warm_up() -> Iterator[dict[str, Callable[[], object]]]:
    """Resolve and run the chain; then give, for the block, functions that do each again, by role.

    Raises:
        RuntimeError: when the run fails, with the reason.
    """
    storage_named(default_name(settings.current())).preload()
    with _temporary_project() as folder:
        resolution = _resolve()
        _run(resolution, folder)
    with _temporary_project() as folder:
        yield {
            ResolveJob.__name__: _resolve,
            RunJob.__name__: lambda: _run(resolution, folder),
        }


def _resolve() -> Resolution:
    job = encode(ResolveJob(_TYPE, _CHAIN, _TASK, {"name": "warm"}, run_time_text(), _STAYS))
    return resolve.resolve(decode(job))


def _run(resolution: Resolution, folder: Path) -> None:
    job = decode(encode(_run_job(resolution, folder)))
    outcome = build.run(job, lambda report: None)
    if isinstance(outcome, AttemptLost):
        raise RuntimeError(outcome.reason)
    if outcome.status != DONE:
        raise RuntimeError(f"{outcome.error}\n{outcome.traceback}")


@contextlib.contextmanager
def _temporary_project() -> Iterator[Path]:
    """Give the folder of a project that has the chain for the block; then restore the process."""
    with (
        tempfile.TemporaryDirectory(prefix="datanectar-warm-up-") as folder,
        _time_limit(),
        _sigterm_restored(),
        luigi_restored(),
        _imports_restored(),
        _output_restored(),
        _scheduler() as url,
        _project(Path(folder), url),
    ):
        yield Path(folder)


def _run_job(resolution: Resolution, folder: Path) -> RunJob:
    return RunJob(
        run_id="warm-up",
        attempt=1,
        type=_TYPE,
        chain=_CHAIN,
        task=_TASK,
        params=resolution.params,
        run_time=resolution.run_time,
        key=resolution.key,
        attempt_dir=str(folder / "attempt"),
    )


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raise in the block when it takes too long: a run waits for its scheduler for ever."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"the warm-up takes longer than {_LIMIT} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _sigterm_restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)  # a run sets it
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _project(folder: Path, luigid_url: str) -> Iterator[None]:
    """Use the settings of a project in ``folder`` that has the chain, for the block."""
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
def _output_restored() -> Iterator[None]:
    kept = [(number, os.dup(number)) for number in (1, 2)]
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        output.drop_captured()


@contextlib.contextmanager
def _imports_restored() -> Iterator[None]:
    """Have Python forget the chain after the block, and keep what else was imported in it."""
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
    """Give the URL of a luigid in a fork, so that this process gets no thread and no memory of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        pid = os.fork()
        if pid == 0:
            try:
                _serve_calls(listener)
            finally:
                os._exit(0)
    try:
        yield address
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve_calls(listener: socket.socket) -> None:
    """Reply to RPCs on one connection, as luigi/server.py does, as far as one run needs it."""
    scheduler: Any = Scheduler()
    stream = listener.accept()[0].makefile("rwb")
    while request := stream.readline():
        method = request.split()[1].decode().rpartition("/")[2]
        headers = dict(line.split(b": ") for line in iter(stream.readline, b"\r\n"))
        data = parse_qs(stream.read(int(headers[b"Content-Length"])).decode())["data"][0]
        response = getattr(scheduler, method)(**json.loads(data))
        body = json.dumps({"response": response}).encode()
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.flush()
