"""Loads a real service with runs, breaks one part of it at a random moment, and checks the books.

``python -m tests.faults --rounds 100 --seed 1`` plays rounds; see ``docs/faults.md``.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from datanectar.forkserver import handover
from datanectar.runs.records import Run
from datanectar.runs.store import RunFilters, RunStore
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED, RUNNING
from tests.faults.evidence import Evidence, is_whole
from tests.servers.processes import Stack, descendants, wait_for
from tests.servers.stack import CATALOGUE

#: Seconds in which every run of a round has to end, once the last part is up again.
ROUND_LIMIT = 90.0
HEARTBEAT_TIMEOUT = 3.0
WORKERS = ("worker-a", "worker-b")
#: What may lie beside a result.
_FILES = ("out.txt", "log", "params.txt")


@dataclass
class Books:
    """What became of a round's runs."""

    fault: str
    accepted: int = 0
    refused: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    starts: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Books) -> Books:
        return Books(
            "in sum",
            self.accepted + other.accepted,
            self.refused + other.refused,
            self.ends + other.ends,
            self.attempts + other.attempts,
            self.starts + other.starts,
            self.seconds + other.seconds,
            self.wrong + other.wrong,
        )

    def __str__(self) -> str:
        ends = " + ".join(f"{self.ends[status]} {status}" for status in (DONE, FAILED, CANCELLED))
        line = (
            f"{self.fault:<22} accepted {self.accepted} = {ends}; refused {self.refused}; "
            f"attempts {self.attempts}, task starts {self.starts}; {self.seconds:.1f} s"
        )
        return "\n".join([line, *(f"    WRONG: {problem}" for problem in self.wrong)])


class Harness:
    """A stack of two workers, its load, its faults and its bookkeeper.

    The first worker shares a fork server with the web, as under ``datanectar up``; the second has its own.

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
        self.store = RunStore(self.stack.settings.database_url)
        self.luigid = self.stack.luigid
        self._began = time.time()
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
        """Start every part."""
        self.stack.start_luigid()
        self.stack.start_fork_server("web", WORKERS[0])
        self.stack.start_web()
        for name in WORKERS:
            self.stack.start_worker(name)

    def close(self) -> None:
        """Stop every part."""
        self.stack.close()

    def play(self, number: int, fault: str | None = None) -> Books:
        """Play one round and return its books."""
        fault = fault or self.random.choice(list(self.faults))
        books = Books(fault)
        self._began = time.time()
        self.evidence.clear()
        load = Load(self.stack, self.random.randrange(1 << 30), number)
        load.thread.start()
        time.sleep(self.random.uniform(0.1, 2.5))
        self.faults[fault]()
        load.thread.join()
        self._check_ends(load, books)
        self._check_results(load, books)
        self._check_evidence(books)
        self._check_processes(books)
        self._check_luigid(books)
        books.refused = load.refused
        books.starts = len(self.evidence.lines("start"))
        books.seconds = time.time() - self._began
        return books

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
                getattr(self.stack, f"start_{name}")()

    def _kill_child(self) -> None:
        running = [run for run in self._runs(RUNNING) if run.child_pid]
        if running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(running).child_pid or 0, signal.SIGKILL)

    def _fork_servers(self, name: str) -> list[psutil.Process]:
        """A worker's fork server and the guard that it was forked from."""
        if name in self.stack.sharers:
            guards = [psutil.Process(self.stack.parts["fork server"].pid)]
        else:
            guards = psutil.Process(self.stack.parts[name].pid).children()
        return guards + [fork_server for guard in guards for fork_server in guard.children()]

    def _kill_fork_server(self) -> None:
        name = self.random.choice(WORKERS)
        with contextlib.suppress(psutil.Error, IndexError):
            self.random.choice(self._fork_servers(name)).kill()
            self._revive_fork_server_of(name)

    def _revive_fork_server_of(self, name: str) -> None:
        """Do what a supervisor would; a worker starts its own by itself."""
        if name in self.stack.sharers:
            self.stack.parts["fork server"].wait()
            self._revive("fork server")

    def _kill_worker_and_fork_server(self) -> None:
        """Kill all who clear up, at once: what the tasks themselves began is nobody's then."""
        name = self.random.choice(WORKERS)
        doomed = [psutil.Process(self.stack.parts[name].pid), *self._fork_servers(name)]
        for process in doomed:
            process.suspend()
        for process in doomed:
            process.kill()
        self.stack.parts[name].wait()
        self._revive_fork_server_of(name)
        self._revive(name)

    def _stop_luigid(self) -> None:
        self.stack.stop("luigid")
        self._revive("luigid")

    def _suspend_worker(self) -> None:
        name = self.random.choice(WORKERS)
        self.stack.parts[name].send_signal(signal.SIGSTOP)
        time.sleep(HEARTBEAT_TIMEOUT + 2.0)
        self.stack.parts[name].send_signal(signal.SIGCONT)

    def _stop_worker(self) -> None:
        name = self.random.choice(WORKERS)
        self.stack.stop(name)
        self._revive(name)

    def _cancel_some(self) -> None:
        active = self._runs(*ACTIVE)
        for run in self.random.sample(active, min(3, len(active))):
            requests.delete(f"{self.stack.url}/api/runs/{run.id}", timeout=30)

    # --- books -----------------------------------------------------------------------------

    def _runs(self, *statuses: str) -> list[Run]:
        filters = RunFilters(since=self._began)
        runs, _ = self.store.list_runs(filters, cursor=None, limit=1000)
        return [run for run in runs if not statuses or run.status in statuses]

    def _check_ends(self, load: Load, books: Books) -> None:
        def all_ended() -> bool:
            return not self._runs(*ACTIVE)

        try:
            wait_for(all_ended, "all runs end", ROUND_LIMIT)
        except AssertionError:
            books.wrong += [f"{r.id} {r.task} is still {r.status}" for r in self._runs(*ACTIVE)]
        runs = {run.id: run for run in self._runs() if run.public_params["name"] in load.names}
        books.accepted = len(runs)
        books.ends = Counter(run.status for run in runs.values())
        books.attempts = sum(run.attempt for run in runs.values())
        books.wrong += [
            f"{run_id} was answered and is lost" for run_id in load.answered - set(runs)
        ]
        books.wrong += [
            f"{run.id} {run.task} is {run.status}: {run.error}"
            for run in runs.values()
            if run.status not in self._allowed(run, books)
        ]

    @staticmethod
    def _allowed(run: Run, books: Books) -> set[str]:
        natural = FAILED if run.task == "FailTask" else DONE
        return {natural, CANCELLED} if books.fault == "cancel" else {natural}

    def _check_results(self, load: Load, books: Books) -> None:
        for run in self._runs(DONE):
            if run.public_params["name"] in load.names and not self._result(run).exists():
                books.wrong.append(f"{run.id} {run.task} is DONE without a result")
        for file in (self.stack.project / "local_targets").rglob("*"):
            if not file.is_file() or file.stat().st_mtime < self._began:
                continue
            if file.name == "out.txt" and not is_whole(file):
                books.wrong.append(f"{file} is not whole")
            elif not file.name.startswith((*_FILES, ".")):  # hidden: the next writer removes it
                books.wrong.append(f"{file} was left over")

    def _result(self, run: Run) -> Path:
        return self.stack.file(run.key)

    def _check_evidence(self, books: Books) -> None:
        for task, attempt in self.evidence.repeated():
            books.wrong.append(f"{attempt} began {task} more than once")
        for line in self.evidence.overlapping():
            books.wrong.append(f"{line.attempt} ran {line.task} while another did")

    def _check_processes(self, books: Books) -> None:
        """Nothing of the project may live but the parts, their fork servers and idle children."""

        def strays() -> list[str]:
            found = []
            known = set(self.stack.pids())
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    home = process.environ().get("DATANECTAR_PROJECT")
                    if home == str(self.stack.project) and (
                        process.pid not in known or process.name() == "sleep"
                    ):
                        family = f"{process.pid}, {process.status()}, below {process.ppid()}"
                        found.append(f"{' '.join(process.cmdline())} ({family})")
            return found + self._busy_children()

        found: list[str] = []

        def is_clear() -> bool:
            found[:] = strays()  # kept: a moment later, children may be in the making
            return not found

        with contextlib.suppress(AssertionError):
            wait_for(is_clear, "no process is left over", 10)
        books.wrong += [f"left over: {stray}" for stray in found]

    def _busy_children(self) -> list[str]:
        """Children beyond those that are kept ahead, or wait for a run that another worker took."""
        ahead = 2 + 2 * int(self.stack.defaults["DATANECTAR_WORKERS"])
        allowed = {"fork server": 2 + ahead + handover.FEW, WORKERS[1]: ahead}
        counts = {name: len(descendants(self.stack.parts[name].pid)) for name in allowed}
        return [f"{n} below {name}" for name, n in counts.items() if n > allowed[name]]

    def _check_luigid(self, books: Books) -> None:
        def running() -> list[str]:
            return list(self.luigid.call("task_list", status="RUNNING", upstream_status=""))

        with contextlib.suppress(AssertionError):
            wait_for(lambda: not running(), "luigid has no task RUNNING", 3)
        books.wrong += [f"luigid has {task_id} RUNNING" for task_id in running()]


class Load:
    """POSTs runs of all kinds, in a thread; what is refused is asked again, as a client would.

    Args:
        stack: where to.
        seed: of the order.
        number: the round's, for names that no other round has.
    """

    def __init__(self, stack: Stack, seed: int, number: int) -> None:
        self._stack = stack
        self.answered: set[str] = set()
        self.refused = 0
        jobs = [("WorkTask", {"seconds": s}) for s in (0, 0, 0, 0.2, 0.5, 1.0, 2.0)]
        jobs += [("FailTask", {"seconds": 0}), ("FailTask", {"seconds": 0.3})]
        jobs += [("LitterTask", {"seconds": 0.5})]
        jobs += [("TopTask", {"base": f"base-{number}", "seconds": 0.3})] * 2
        self._posts = [(task, {"name": f"r{number}-{i}", **p}) for i, (task, p) in enumerate(jobs)]
        self._posts.append(self._posts[0])  # an equal POST
        random.Random(seed).shuffle(self._posts)
        self.names = {str(parameters["name"]) for _, parameters in self._posts}
        self.thread = threading.Thread(target=self._post_all)

    def _post_all(self) -> None:
        for task, parameters in self._posts:
            while not self._post(task, parameters):
                self.refused += 1
                time.sleep(0.2)
            time.sleep(0.05)

    def _post(self, task: str, parameters: dict[str, object]) -> bool:
        try:
            answer = self._stack.post(f"faulty/faulty_chain/{task}", json=parameters)
        except requests.RequestException:
            return False
        if answer.status_code != 200:
            return False
        run_id = answer.json()["data"]["run_id"]
        if run_id is not None:
            self.answered.add(run_id)
        return True
