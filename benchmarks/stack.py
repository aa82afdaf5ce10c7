"""The stack that is measured: luigid, web and worker as processes, over a project of their own."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))  # for `tests`, from wherever this is run

from tests.servers.stack import Stack

_names = itertools.count()
_shared: list[Stack] = []


@contextlib.contextmanager
def project() -> Iterator[Stack]:
    """Give a stack, not started, over a new project with the benchmarks' chains."""
    with tempfile.TemporaryDirectory(prefix="datanectar-benchmark-") as folder:
        stack = Stack(Path(folder))
        chains = Path(__file__).parent / "chains"
        shutil.copytree(chains, stack.project / "code" / "chains", dirs_exist_ok=True)
        try:
            yield stack
        finally:
            stack.close()


@contextlib.contextmanager
def started() -> Iterator[Stack]:
    """Give a started stack: a new one, or the one of a :func:`sharing` block."""
    if _shared:
        yield _shared[-1]
        return
    with project() as stack:
        yield stack.start_up()


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Let benchmarks use one stack in turn: quicker to try them, no way to measure."""
    with started() as stack:
        _shared.append(stack)
        try:
            yield
        finally:
            _shared.pop()


def new_name() -> str:
    """Return a name that no task has had: its result can't be there yet."""
    return f"n{os.getpid()}-{next(_names)}"


class Caller:
    """Calls the app over one kept connection; the client itself costs next to nothing."""

    def __init__(self, stack: Stack) -> None:
        parts = urlsplit(stack.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def call(self, method: str, path: str) -> dict[str, Any]:
        """Return the response's body.

        Raises:
            RuntimeError: when it is no success.
        """
        self._connection.request(method, path)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {body[:500]!r}")
        return dict(json.loads(body))

    def post(self, task: str, chain: str = "trivial_chain", **parameters: Any) -> str:
        """POST a task of a chain of type ``bench``; return its key."""
        path = f"/api/chains/bench/{chain}/{task}?{urlencode(parameters)}"
        return str(self.call("POST", path)["data"]["key"])

    def status(self, key: str) -> dict[str, Any]:
        """Return the ``data`` of a key's status."""
        return dict(self.call("GET", f"/api/chainstatus?chain={key}/out.txt")["data"])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def await_file(file: Path, seconds: float = 120.0, pause: float = 0.0005) -> None:
    """Return when the file is there; looks every half millisecond, or with other pauses."""
    deadline = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not there after {seconds:g} s: {file}")
        time.sleep(pause)


def await_end(caller: Caller, key: str, seconds: float = 600.0) -> dict[str, Any]:
    """Return the status once it has ended; looks every 50 ms."""
    deadline = time.monotonic() + seconds
    while (status := caller.status(key))["job_status"] in ("PENDING", "RUNNING"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not ended after {seconds:g} s: {key}")
        time.sleep(0.05)
    if status["job_status"] != "DONE":
        raise RuntimeError(f"{key} is {status['job_status']}: {status['error']}")
    return status
