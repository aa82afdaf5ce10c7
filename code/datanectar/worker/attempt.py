"""One attempt at one run, as its worker watches over it from the first report to the books' end."""

from __future__ import annotations

import abc
import contextlib
import logging
import shutil
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from datanectar.errors import DatanectarError
from datanectar.forkserver.handle import Handle
from datanectar.keys import LOG_FILE, parse_key
from datanectar.luigid.names import worker_id
from datanectar.messages import Outcome, Refusal, RunJob, SchedulerReport, TaskReport
from datanectar.runs.records import Run
from datanectar.service.service import Service
from datanectar.statuses import CANCELLED, FAILED, PENDING, RUNNING
from datanectar.storage.attempt_files import (
    attempt_folder,
    attempt_log,
    begun_marker,
    clear,
    find_attempt_log,
    run_log,
)
from datanectar.storage.base import keep_earlier
from datanectar.storage.plain import plain_stat
from datanectar.storage.registry import is_in_reach, name_of, storage_named
from datanectar.worker.log_uploader import LogUploader

log = logging.getLogger(__name__)

#: Seconds between looks at the clock and at orders while a child says nothing.
_SLICE = 0.25
#: Seconds that the end of an attempt waits for its logs: who hears of it wants to read them.
_LAST_LOGS = 10.0
#: So many tasks of a run are recorded at most, and so many characters about them all.
MOST_TASKS = 100_000
_ROOM = 64_000_000
#: Seconds at most, and no more than DATANECTAR_GRACE, that the child of a run whose end is written
#: has for its threads and exit handlers.
_LAST_ACTS = 10.0


class Graph:
    """What the reports of a run add up to, by task; remembers which tasks changed since last asked.

    It holds so much and no more: a run that reports without end must not fill its worker's memory.

    Args:
        most_tasks: how many tasks.
        room: how many characters of text in all.
    """

    def __init__(self, most_tasks: int = MOST_TASKS, room: int = _ROOM) -> None:
        self._tasks: dict[str, TaskReport] = {}
        self._changed: set[str] = set()
        self._most_tasks = most_tasks
        self._room = room

    def add(self, report: TaskReport) -> bool:
        """Lay a report over what is known; required tasks add up, other news replaces.

        Returns:
            Whether there was room for it; it counts for nothing otherwise.
        """
        known = self._tasks.get(report.task_id)
        if known is None and len(self._tasks) >= self._most_tasks:
            return False
        merged = report if known is None else _laid_over(known, report)
        room = self._room + (_size(known) if known else 0) - _size(merged)
        if room < 0:
            return False
        self._room = room
        self._tasks[report.task_id] = merged
        self._changed.add(report.task_id)
        return True

    def take_changed(self) -> list[TaskReport]:
        """Return the tasks that changed since the last call."""
        changed, self._changed = self._changed, set()
        return [self._tasks[task_id] for task_id in changed]

    def put_back(self, reports: list[TaskReport]) -> None:
        """Count these as changed again: they could not be stored."""
        self._changed.update(report.task_id for report in reports)

    def knows(self, task_id: str) -> bool:
        """Tell whether there was a report of the task."""
        return task_id in self._tasks

    def running(self) -> list[TaskReport]:
        """Return the tasks that run now."""
        return [task for task in self._tasks.values() if task.status == RUNNING]


def _laid_over(known: TaskReport, report: TaskReport) -> TaskReport:
    fields = structs.asdict(report)
    news = {name: value for name, value in fields.items() if value is not None}
    for name in ("requires", "results"):  # which may come in several pieces
        if more := getattr(report, name):
            news[name] = list(dict.fromkeys([*(getattr(known, name) or ()), *more]))
    return structs.replace(known, **news)


def _size(report: TaskReport) -> int:
    """Return about how many characters a report holds."""
    size = 0
    for value in structs.asdict(report).values():
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list):
            size += sum(map(len, value))
    return size


class Lease:
    """Until when this worker's runs are its own for sure: so long after its last heartbeat.

    Args:
        seconds: how long a heartbeat is good for.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._unbroken_since = float("-inf")
        self.until = time.monotonic() + seconds

    def renew(self, moment: float) -> None:
        """Count from ``moment``, a reading of ``time.monotonic`` from before the heartbeat."""
        if self.is_over:
            self._unbroken_since = moment
        self.until = moment + self._seconds

    @property
    def is_over(self) -> bool:
        """Whether another worker may have taken over by now."""
        return time.monotonic() > self.until

    @property
    def is_steady(self) -> bool:
        """Whether this worker can judge others by their silence.

        When the store was away, all were silent: those who come back get the time to say so.
        """
        return not self.is_over and time.monotonic() > self._unbroken_since + self._seconds


class Watch(abc.ABC):
    """Follows one child that works on a run. Orders come from another thread; the rest is one's.

    Args:
        run: the run as it was claimed; its id, attempt and owner are the fence of every write.
        service: the parts that the worker works with.
        lease: the worker's.
        assistant: 0 for the run's own child, more for those that assist it.
    """

    def __init__(self, run: Run, service: Service, lease: Lease, assistant: int = 0) -> None:
        self.run = run
        self._lease = lease
        self.fence = (run.id, run.attempt, run.owner or "")
        self._settings = service.settings
        self._store = service.store
        self._luigid = service.luigid
        self._member = assistant
        self._graph = Graph()
        self._order: str | None = None
        self._leaving = False
        self._trouble = ""
        self._has_overflowed = False
        self._attempt_dir = attempt_folder(service.settings.state, run.id, run.attempt, assistant)
        self._worker_id = worker_id(run.id, assistant)
        self._shipper = LogUploader(
            service.children,
            self._attempt_dir,
            service.settings.log_ship_interval,
            run.storage,
        )
        limit = run.run_timeout if run.run_timeout is not None else self._settings.run_timeout
        self._limit = limit or None

    def cancel(self) -> None:
        """Order: stop, the run was cancelled."""
        self._order = "cancel"

    def abandon(self) -> None:
        """Order: stop and write nothing, the run is another worker's by now."""
        self._order = "abandon"

    def hand_back(self) -> None:
        """Order: stop and put the run back on the queue, this worker is leaving."""
        self._order = self._order or "hand back"
        self._leaving = True

    def _leave_if_lease_is_over(self) -> None:
        """Stop what another host may be starting again: the store was away too long."""
        if self._lease.is_over:
            self._order = self._order or "lease over"

    def watch(self, child: Handle) -> bool:
        """See the child through; return whether the run has to be queued again.

        Whatever is raised here, the child has ended by then: its run may soon be another's.
        """
        try:
            outcome = self._attend(child)
            again = self._settle(child, outcome)
            if outcome is not None and self._order is None:
                child.wait_end(min(self._settings.grace, _LAST_ACTS))
            return again
        except BaseException:
            child.kill()
            child.wait_end()
            raise
        finally:
            child.close()
            self._tidy()

    def _attend(self, child: Handle) -> Outcome | None:
        """Return the child's own account of its end, or None when there is none."""
        try:
            child.send(self._job())
            return self._follow(child)
        except BrokenPipeError:
            return None
        except Exception as problem:
            log.exception("run %s: its supervision failed", self.run.id)
            self._trouble = f"its supervision failed ({type(problem).__name__}: {problem})"[:500]
            self._order = self._order or "trouble"
            child.kill()
            return None

    def _tidy(self) -> None:
        """Keep the last of the logs and remove the attempt's files; the attempt is accounted for."""
        try:
            if self._order != "abandon":  # the log in the store is the successor's by now
                self._shipper.finish()
            clear(self._attempt_dir)
        except Exception:
            log.exception("run %s: the files of its attempt are left", self.run.id)

    @abc.abstractmethod
    def _settle(self, child: Handle, outcome: Outcome | None) -> bool:
        """Account for the child's end; return whether the run has to be queued again."""

    def _job(self) -> RunJob:
        run = self.run
        return RunJob(
            run_id=run.id,
            attempt=run.attempt,
            type=run.type,
            chain=run.chain,
            task=run.task,
            params=run.params,
            run_time=run.run_time,
            key=run.key,
            attempt_dir=str(self._attempt_dir),
            assistant=self._member,
            width=run.width,
            given=run.given,
        )

    def _follow(self, child: Handle) -> Outcome | None:
        """Take the child's reports and see to limits and orders until it ends or has to."""
        began = stored = time.monotonic()
        with contextlib.suppress(EOFError):
            while True:
                for record in child.reports(_SLICE):
                    if isinstance(record, Outcome):
                        return record
                    if isinstance(record, Refusal):
                        return Outcome(FAILED, record.message, failed_key=self.run.key)
                    self._note(record)
                if time.monotonic() - stored > _SLICE:
                    self._store_changes()
                    stored = time.monotonic()
                if self._limit and time.monotonic() - began > self._limit:
                    self._order = self._order or "time limit"
                self._leave_if_lease_is_over()
                if self._order:
                    child.kill()
                    return None
                self._shipper.tick()
        return None

    def _note(self, record: Any) -> None:
        if isinstance(record, TaskReport):
            if record.storage and not is_in_reach(record.storage, self.run.storage):
                return  # of a store that no task of this run writes to
            if not self._graph.add(record) and not self._has_overflowed:
                self._has_overflowed = True
                log.warning(
                    "run %s reports more than %d tasks, or too much about them: its graph leaves "
                    "the rest out",
                    self.run.id,
                    MOST_TASKS,
                )
        elif isinstance(record, SchedulerReport):
            with contextlib.suppress(DatanectarError):
                self._store.set_scheduler_reachable(*self.fence, record.reachable)

    def _store_changes(self) -> None:
        changed = self._graph.take_changed()
        if not changed:
            return
        try:
            held = self._store.record(*self.fence, changed)
        except DatanectarError as problem:
            log.warning("run %s: %s", self.run.id, problem.message)
            self._graph.put_back(changed)
        else:
            if not held:
                self._order = "abandon"

    def _close_books(self, reason: str) -> None:
        """Have luigid show no task RUNNING that is dead."""
        with contextlib.suppress(OSError):
            self._luigid.end_worker(self._worker_id, reason)


class Assistance(Watch):
    """Follows a child that shares the tasks of a wide run; the run's own child decides its end.

    Only what this child itself ran is recorded: the plan is the other's to tell.
    """

    def _note(self, record: Any) -> None:
        if isinstance(record, TaskReport):
            ran = record.status == RUNNING or self._graph.knows(record.task_id)
            if ran and record.status != PENDING:
                super()._note(record)

    def _settle(self, child: Handle, outcome: Outcome | None) -> bool:
        if outcome is None:
            self._close_books(f"an assisting process was {child.wait_end()}")
        elif self._order is None:
            self._store_changes()
        return False


class Supervision(Watch):
    """Watches one attempt at a run from its claim to the books' end.

    Args:
        is_apart: whether the run's child has a fork server of its own: if that is lost, the run is to
            blame, and else may have been beside one that is.
    """

    def __init__(self, run: Run, service: Service, lease: Lease, *, is_apart: bool = False) -> None:
        super().__init__(run, service, lease)
        self._is_apart = is_apart
        self._oom_kills = _oom_kills()

    def _settle(self, child: Handle, outcome: Outcome | None) -> bool:
        if outcome is not None:
            self._shipper.hurry(_LAST_LOGS)
            self._finish(outcome)
            return False
        end = child.wait_end()
        self._leave_if_lease_is_over()
        reason = self._reason(child, end)
        if self._order == "abandon" or not self._is_held():
            # Logs, luigid and the store are the successor's by now.
            self._order = "abandon"
            return False
        self._close_books(reason)
        self._write_into_logs(reason)
        self._shipper.hurry(_LAST_LOGS)  # before the run is another's, whose log it would cover
        is_blameless = self._order is None and child.is_lost and not self._is_apart
        if is_blameless or self._order in ("hand back", "lease over"):
            return self._persist(lambda: self._store.release(*self.fence, reason))
        if self._order == "trouble" or (self._order is None and child.was_killed):
            return self._lose(reason)
        status = CANCELLED if self._order == "cancel" else FAILED
        failed_key = None if status == CANCELLED else self._failed_key()  # which is no failure
        self._finish(Outcome(status, reason, failed_key=failed_key))
        return False

    def _reason(self, child: Handle, end: str) -> str:
        if self._order == "cancel":
            return "cancelled"
        if self._order == "time limit":
            return f"time limit of {self._limit:g} s"
        if self._order == "hand back":
            return "its worker was stopped"
        if self._order == "lease over":
            return "its worker could not reach the run store in time"
        if self._order == "trouble":
            return self._trouble
        if end == "killed by SIGKILL" and _oom_kills() > self._oom_kills:
            return "killed: out of memory"
        if child.was_killed:
            return f"the run's process was {end}"
        return f"the run's process ended itself ({end}) before the run was over"

    def _is_held(self) -> bool:
        """Tell whether the run is still this worker's; a store that stays away has given it up."""
        return self._persist(lambda: self._store.record(*self.fence, []))

    def _lose(self, reason: str) -> bool:
        """Account for a lost attempt; return whether there is to be another."""
        most = self._settings.max_attempts
        if self.run.losses < most:
            return self._persist(lambda: self._store.take_back(self.run, reason, most) == PENDING)
        reason = f"{reason}, and so the last of {self.run.attempt} attempts was lost"
        self._finish(Outcome(FAILED, reason, failed_key=self._failed_key()))
        return False

    def _finish(self, outcome: Outcome) -> None:
        changed = self._graph.take_changed()
        self._persist(lambda: self._store.finish(*self.fence, outcome, changed))

    def _persist(self, write: Any) -> bool:
        """Write the end of the attempt, trying as long as the store is away.

        Nothing else could be begun meanwhile, and a write that is too late changes nothing. Only a
        worker that is leaving gives up after a while: whoever reaches the store takes the run back.
        """
        deadline = time.monotonic() + self._settings.heartbeat_timeout
        while True:
            try:
                return bool(write())
            except DatanectarError as problem:
                log.warning("run %s: %s", self.run.id, problem.message)
                if self._leaving and time.monotonic() > deadline:
                    return False
                time.sleep(0.5)

    def _failed_key(self) -> str:
        keys = [task.key for task in self._graph.running() if task.key]
        return keys[0] if keys else self.run.key

    def _write_into_logs(self, reason: str) -> None:
        for file in [*self._open_logs(), *self._run_log_for_root()]:
            with contextlib.suppress(OSError), file.open("a") as stream:
                stream.write(f"\n{reason}\n")

    def _open_logs(self) -> list[Path]:
        files = []
        for task in self._graph.running():
            if task.key:
                key = parse_key(task.key)
                uploaded = find_attempt_log(self._attempt_dir, key)
                local = self._settings.local_targets / key.file(LOG_FILE)
                files += [file for file in (uploaded, local) if file and plain_stat(file)][:1]
        return files

    def _run_log_for_root(self) -> list[Path]:
        """Make the run log the log of a root that never came to run, and return where it is."""
        key, said = parse_key(self.run.key), run_log(self._attempt_dir)
        if begun_marker(self._attempt_dir, key).exists() or not plain_stat(said):
            return []
        try:
            storage = storage_named(self.run.storage)
            if path := storage.local_path(key, LOG_FILE):
                number = keep_earlier(storage, key, LOG_FILE)
                storage.put_file(key, LOG_FILE, said)
                if self._graph.knows(self.run.task_id):
                    self._graph.add(TaskReport(self.run.task_id, log_number=number))
                return [path]
            path = attempt_log(self._attempt_dir, key, name_of(self.run.storage))
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(said, path)
        except (DatanectarError, OSError) as problem:
            log.warning("run %s: its log could not be kept: %s", self.run.id, problem)
            return []
        return [path]


def _oom_kills() -> int:
    """Return how often this kernel's out-of-memory killer has struck; 0 where it doesn't say."""
    with contextlib.suppress(OSError, ValueError), Path("/proc/vmstat").open() as lines:
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
