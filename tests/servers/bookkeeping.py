"""What became of a load's runs, checked: every run's end, results, evidence, processes, luigid."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import psutil

from datanectar.runs.records import Run
from datanectar.runs.store import RunFilters, RunStore
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED
from tests.servers.evidence import Evidence, is_whole
from tests.servers.load import Load
from tests.servers.processes import descendants, wait_for
from tests.servers.stack import Stack

#: Seconds in which every run of a round has to end, once the last process is up again.
ROUND_LIMIT = 90.0
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


@dataclass
class Bookkeeper:
    """Checks one round of a load on a stack.

    Args:
        stack: the stack.
        evidence: what the tasks wrote.
        children: the most processes that may be below each named process when nothing runs.
    """

    stack: Stack
    evidence: Evidence
    children: dict[str, int]
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self._store = RunStore(self.stack.settings.database_url)

    def runs(self, *statuses: str) -> list[Run]:
        """Return the round's runs in these statuses, or all of them."""
        filters = RunFilters(since=self.began)
        runs, cursor = self._store.list_runs(filters, cursor=None, limit=1000)
        while cursor:
            more, cursor = self._store.list_runs(filters, cursor=cursor, limit=1000)
            runs += more
        return [run for run in runs if not statuses or run.status in statuses]

    def check(self, load: Load, fault: str) -> Books:
        """Wait until every run has ended; return the books, with everything that is wrong."""
        books = Books(fault, refused=load.refused)
        books.wrong += self._unended()
        runs = {run.id: run for run in self.runs() if run.public_params["name"] in load.names}
        books.accepted = len(runs)
        books.ends = Counter(run.status for run in runs.values())
        books.attempts = sum(run.attempt for run in runs.values())
        books.wrong += [
            f"{run_id} was accepted and is lost" for run_id in load.accepted - set(runs)
        ]
        for problems in (
            _wrong_ends(runs.values(), fault),
            self._wrong_results(runs.values()),
            self._wrong_evidence(),
            self._leftover_processes(),
            self._left_at_luigid(),
        ):
            books.wrong += problems
        books.starts = len(self.evidence.lines("start"))
        books.seconds = time.time() - self.began
        return books

    def _unended(self) -> list[str]:
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not self.runs(*ACTIVE), "all runs end", ROUND_LIMIT)
        return [f"{run.id} {run.task} is still {run.status}" for run in self.runs(*ACTIVE)]

    def _wrong_results(self, runs: Iterable[Run]) -> Iterator[str]:
        for run in runs:
            if run.status == DONE and not self.stack.file(run.key).exists():
                yield f"{run.id} {run.task} is DONE without a result"
        for file in (self.stack.project / "local_targets").rglob("*"):
            if not file.is_file() or file.stat().st_mtime < self.began:
                continue
            if file.name == "out.txt" and not is_whole(file):
                yield f"{file} is not whole"
            elif not file.name.startswith((*_FILES, ".")):  # hidden: the next writer removes it
                yield f"{file} was left over"

    def _wrong_evidence(self) -> Iterator[str]:
        for task, attempt in self.evidence.repeated():
            yield f"{attempt} began {task} more than once"
        for line in self.evidence.overlapping():
            yield f"{line.attempt} ran {line.task} while another did"

    def _leftover_processes(self) -> list[str]:
        """Nothing of the project may live but its processes, fork servers and idle children."""
        found: list[str] = []

        def is_clear() -> bool:
            found[:] = [*self._orphans(), *self._busy_children()]  # a moment later, they may go
            return not found

        with contextlib.suppress(AssertionError):
            wait_for(is_clear, "no process is left over", 10)
        return [f"left over: {process}" for process in found]

    def _orphans(self) -> Iterator[str]:
        known = set(self.stack.pids())
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                home = process.environ().get("DATANECTAR_PROJECT")
                is_known = process.pid in known and process.name() != "sleep"
                if home == str(self.stack.project) and not is_known:
                    family = f"{process.pid}, {process.status()}, below {process.ppid()}"
                    yield f"{' '.join(process.cmdline())} ({family})"

    def _busy_children(self) -> Iterator[str]:
        for name, most in self.children.items():
            count = len(descendants(self.stack.processes[name].pid))
            if count > most:
                yield f"{count} below {name}"

    def _left_at_luigid(self) -> list[str]:
        def running() -> list[str]:
            return list(self.stack.luigid.call("task_list", status="RUNNING", upstream_status=""))

        with contextlib.suppress(AssertionError):
            wait_for(lambda: not running(), "luigid has no task RUNNING", 3)
        return [f"luigid has {task_id} RUNNING" for task_id in running()]


def _wrong_ends(runs: Iterable[Run], fault: str) -> Iterator[str]:
    for run in runs:
        allowed = {FAILED if run.task == "FailTask" else DONE}
        if fault == "cancel":
            allowed.add(CANCELLED)
        if run.status not in allowed:
            yield f"{run.id} {run.task} is {run.status}: {run.error}"
