"""The floor: a warm process that forks a child for each ``luigi.build``, all as Luigi comes.

Two kinds of fork: ``os.fork``, and a child of ``multiprocessing``'s forkserver that has Luigi
imported already. Luigi picks ``requests`` for its calls, since that is installed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

FORK, FORKSERVER = "fork", "forkserver"


class Floor:
    """Builds tasks of ``benchmarks.floor_chain`` in forked children, one at a time.

    Args:
        luigid_url: the luigid to build against, with its token.
        folder: where the results go.
        kind: how to fork, :data:`FORK` or :data:`FORKSERVER`.
    """

    def __init__(self, luigid_url: str, folder: Path, kind: str = FORK) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "benchmarks.floor", kind, luigid_url]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._send({})  # returns once everything is imported

    def begin(self, task: str, **parameters: Any) -> Path:
        """Have a child build the task; return where its result will be, at once."""
        parameters["folder"] = str(self._folder)
        print(json.dumps({"task": task, **parameters}), file=self._process.stdin, flush=True)
        return self._folder / parameters["name"] / "out.txt"

    def join(self) -> None:
        """Wait for the child's end."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the process of the floor has ended")

    def __enter__(self) -> Floor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _send(self, order: dict[str, Any]) -> None:
        print(json.dumps(order), file=self._process.stdin, flush=True)
        self.join()


def luigi_process(luigid_url: str, folder: Path, name: str) -> subprocess.Popen[bytes]:
    """Start the trivial task as a ``luigi`` process of its own."""
    command = [
        *(sys.executable, "-m", "luigi", "--module", "benchmarks.floor_chain", "TrivialTask"),
        *("--name", name, "--folder", str(folder), "--scheduler-url", luigid_url),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def build(order: dict[str, Any], luigid_url: str) -> None:
    """Build what the order says, in this process."""
    import luigi

    from benchmarks import floor_chain

    task = getattr(floor_chain, order.pop("task"))(**order)
    luigi.build([task], scheduler_url=luigid_url)


def _serve(kind: str, luigid_url: str) -> None:
    import luigi.rpc  # noqa: F401
    import requests  # noqa: F401

    context = multiprocessing.get_context("forkserver")
    if kind == FORKSERVER:
        context.set_forkserver_preload(["benchmarks.floor", "luigi", "luigi.rpc", "requests"])
        _spawned(context, int)
    for line in sys.stdin:
        order = json.loads(line)
        if order and kind == FORKSERVER:
            _spawned(context, build, order, luigid_url)
        elif order:
            _forked(order, luigid_url)
        print("joined", flush=True)


def _spawned(context: Any, work: Any, *arguments: Any) -> None:
    child = context.Process(target=work, args=arguments)
    child.start()
    child.join()


def _forked(order: dict[str, Any], luigid_url: str) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            build(order, luigid_url)
            code = 0
        finally:
            os._exit(code)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    # By its importable name, so that a forkserver child finds `build` there.
    from benchmarks.floor import _serve as serve

    serve(*sys.argv[1:])
