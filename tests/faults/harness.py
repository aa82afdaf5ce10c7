"""Loads a real service with runs, breaks one process of it at a random moment, checks the books.

``python -m tests.faults --rounds 100 --seed 1`` plays rounds; see ``docs/faults.md``.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import requests

from datanectar.forkserver import handover
from datanectar.statuses import ACTIVE, RUNNING
from tests.servers.bookkeeping import Bookkeeper, Books
from tests.servers.evidence import Evidence
from tests.servers.load import Load
from tests.servers.stack import CATALOGUE, Stack

HEARTBEAT_TIMEOUT = 3.0
WORKERS = ("worker-a", "worker-b")


class Harness:
    """A stack of two workers and its faults.

    The first worker shares a fork server with the web, as under ``datanectar up``; the second has
    its own.

    Args:
        folder: an empty folder for the project.
        seed: of every choice and moment.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.evidence = Evidence(folder / "evidence")
        self.evidence.folder.mkdir(parents=True)
        self.stack = Stack(
            folder / "project",
            environ={
                "FAULTS_EVIDENCE": str(self.evidence.folder),
                "DATANECTAR_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
                "DATANECTAR_MAX_ATTEMPTS": "5",
                "DATANECTAR_GRACE": "0.5",
            },
        )
        chains = self.stack.project / "code" / "chains"
        shutil.copytree(CATALOGUE / "faulty", chains / "faulty", dirs_exist_ok=True)
        self.books: Bookkeeper
        self.faults: dict[str, Callable[[], None]] = {
            "kill web": lambda: self._restart("web"),
            "kill a worker": lambda: self._restart(self.random.choice(WORKERS)),
            "kill both workers": lambda: self._restart(*WORKERS),
            "kill a run's process": self._kill_child,
            "kill a fork server": self._kill_fork_server,
            "kill worker + fork server": self._kill_worker_and_fork_server,
            "kill luigid": lambda: self._restart("luigid"),
            "kill all": lambda: self._restart("luigid", "fork server", "web", *WORKERS),
            "stop luigid": self._stop_luigid,
            "suspend a worker": self._suspend_worker,
            "stop a worker": self._stop_worker,
            "cancel": self._cancel_some,
        }

    def start(self) -> None:
        """Start every process."""
        self.stack.start_luigid()
        self.stack.start_fork_server("web", WORKERS[0])
        self.stack.start_web()
        for name in WORKERS:
            self.stack.start_worker(name)

    def close(self) -> None:
        """Stop every process."""
        self.stack.close()

    def play(self, number: int, fault: str | None = None) -> Books:
        """Play one round and return its books."""
        fault = fault or self.random.choice(list(self.faults))
        self.evidence.clear()
        self.books = Bookkeeper(self.stack, self.evidence, self._most_children())
        load = Load(self.stack, self.random.randrange(1 << 30), number)
        load.thread.start()
        time.sleep(self.random.uniform(0.1, 2.5))
        self.faults[fault]()
        load.thread.join()
        return self.books.check(load, fault)

    def _most_children(self) -> dict[str, int]:
        """Those that are kept ahead, and those that wait for a run that another worker took."""
        ahead = 2 + 2 * self.stack.settings.workers
        return {"fork server": 2 + ahead + handover.FEW, WORKERS[1]: ahead}

    # --- faults ----------------------------------------------------------------------------

    def _restart(self, *names: str) -> None:
        for name in names:
            self.stack.kill(name)
        self._revive(*names)

    def _revive(self, *names: str) -> None:
        """Do what a supervisor would, after a moment."""
        time.sleep(self.random.uniform(0.0, 1.0))
        for name in names:
            if name in WORKERS:
                self.stack.start_worker(name)
            else:
                getattr(self.stack, f"start_{name}".replace(" ", "_"))()

    def _kill_child(self) -> None:
        running = [run for run in self.books.runs(RUNNING) if run.child_pid]
        if running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(running).child_pid or 0, signal.SIGKILL)

    def _fork_servers(self, name: str) -> list[psutil.Process]:
        """A worker's fork server and the process that it was forked from."""
        if name in self.stack.sharing:
            parents = [psutil.Process(self.stack.processes["fork server"].pid)]
        else:
            parents = psutil.Process(self.stack.processes[name].pid).children()
        return parents + [fork_server for parent in parents for fork_server in parent.children()]

    def _kill_fork_server(self) -> None:
        name = self.random.choice(WORKERS)
        with contextlib.suppress(psutil.Error, IndexError):
            self.random.choice(self._fork_servers(name)).kill()
            self._revive_fork_server_of(name)

    def _revive_fork_server_of(self, name: str) -> None:
        """Do what a supervisor would; a worker starts its own by itself."""
        if name in self.stack.sharing:
            self.stack.processes["fork server"].wait()
            self._revive("fork server")

    def _kill_worker_and_fork_server(self) -> None:
        """Kill everything that clears up, at once: processes that tasks started are orphans then."""
        name = self.random.choice(WORKERS)
        doomed = [psutil.Process(self.stack.processes[name].pid), *self._fork_servers(name)]
        for process in doomed:
            process.suspend()
        for process in doomed:
            process.kill()
        self.stack.processes[name].wait()
        self._revive_fork_server_of(name)
        self._revive(name)

    def _stop_luigid(self) -> None:
        self.stack.stop("luigid")
        self._revive("luigid")

    def _suspend_worker(self) -> None:
        name = self.random.choice(WORKERS)
        self.stack.processes[name].send_signal(signal.SIGSTOP)
        time.sleep(HEARTBEAT_TIMEOUT + 2.0)
        self.stack.processes[name].send_signal(signal.SIGCONT)

    def _stop_worker(self) -> None:
        name = self.random.choice(WORKERS)
        self.stack.stop(name)
        self._revive(name)

    def _cancel_some(self) -> None:
        active = self.books.runs(*ACTIVE)
        for run in self.random.sample(active, min(3, len(active))):
            requests.delete(f"{self.stack.url}/api/runs/{run.id}", timeout=30)
