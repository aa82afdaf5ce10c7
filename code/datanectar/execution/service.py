"""What HTTP and the command line may ask for: accept, status, cancel, drop, look.

Holds no state of its own beside the parts it is made of; every answer is a record.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datanectar.errors import ChainError, Conflict, NotFound, Unavailable
from datanectar.execution.catalog import Catalog
from datanectar.execution.child_process import Child
from datanectar.execution.children import Children
from datanectar.execution.queue import RUN_MESSAGE, RunQueue
from datanectar.execution.spool import begun_marker, run_log, spool_folder, spooled_log
from datanectar.keys import LOG_FILE, Key, parse_key
from datanectar.luigid import Luigid
from datanectar.records import (
    ACTIVE,
    DONE,
    FAILED,
    RUNNING,
    UNKNOWN,
    NewRun,
    Resolution,
    ResolveJob,
    Run,
    TaskRow,
)
from datanectar.runs.store import RunStore
from datanectar.settings import Settings
from datanectar.storage.base import Storage
from datanectar.storage.select import default_name, storage_named

log = logging.getLogger(__name__)

#: Seconds between two looks at a run that somebody waits for: at first, and at most.
_FIRST_LOOK, _LONGEST_LOOK = 0.005, 0.1
#: So many tasks of a run are shown at most.
MOST_NODES = 10_000


@dataclass(frozen=True)
class Accepted:
    """What became of a POST: the run that does it, or the result that is there already.

    ``run`` is None when the result was there and no run of ours is known to have made it.
    """

    resolution: Resolution
    run: Run | None
    done: bool


@dataclass(frozen=True)
class Status:
    """What is known of a key. ``run`` is the latest that had it as its root or on its way."""

    key: Key
    job_status: str
    file: str
    storage: str
    run: Run | None = None
    task: TaskRow | None = None
    note: str | None = None
    scheduler: str | None = None


class Service:
    """The service behind every door.

    Args:
        settings: the settings in force.
        store, queue, luigid: the run store, the queue, and luigid.
        children: resolve parameters and describe chains.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: RunStore,
        queue: RunQueue,
        children: Children,
        luigid: Luigid,
    ) -> None:
        self.settings = settings
        self.store = store
        self.queue = queue
        self.luigid = luigid
        self.children = children
        self.catalog = Catalog(settings, children)

    # --- asking for a run ------------------------------------------------------------------

    def resolve(self, type: str, chain: str, task: str, raw: dict[str, Any]) -> Resolution:
        """Return what a request would run, and under which key; starts nothing.

        Raises:
            NotFound, BadRequest, ChainError, KeyUndefined: see ``execution.resolve``.
        """
        with self._resolved(type, chain, task, raw) as (resolution, _):
            return resolution

    @contextlib.contextmanager
    def _resolved(
        self, type: str, chain: str, task: str, raw: dict[str, Any], *, to_run: bool = False
    ) -> Iterator[tuple[Resolution, Child]]:
        """Give what a request would run, and the child that made it out, until the block's end."""
        run_time = datetime.now().isoformat(timespec="seconds")
        stays = to_run and self.children.can_be_handed_on
        resolution, child = self.children.meet(
            ResolveJob(type, chain, task, raw, run_time, stays),
            timeout=self.settings.import_timeout,
            subject=f"{type}/{chain}",
        )
        with contextlib.closing(child):
            key = parse_key(resolution.key)
            if (key.type, key.chain) != (type, chain):  # the chain speaks for another
                raise ChainError(f"{type}/{chain}: its key can't be that of another chain, {key}.")
            yield resolution, child

    def is_complete(self, resolution: Resolution) -> bool:
        """Tell whether the result is there."""
        if resolution.complete is not None or resolution.output is None:
            return bool(resolution.complete)
        storage = storage_named(resolution.storage)
        return storage.exists(parse_key(resolution.key), resolution.output)

    def accept(
        self, type: str, chain: str, task: str, raw: dict[str, Any], trigger: str = "http"
    ) -> Accepted:
        """Have a task run, unless its result is there or a run of it is on its way.

        When this returns, the run is in the store and will end, whatever dies meanwhile.

        Raises:
            TooManyRuns: when the queue is full.
            NotFound, BadRequest, ChainError, KeyUndefined: see ``execution.resolve``.
        """
        with self._resolved(type, chain, task, raw, to_run=True) as (resolution, child):
            if self.is_complete(resolution):
                return Accepted(resolution, self.store.latest_done(resolution.key), True)
            new = NewRun(type, chain, task, resolution, trigger)
            run, is_new = self.store.accept(new, max_queued=self.settings.max_queued)
            if is_new:
                self.children.offer(child, run.id)
                self._announce(run)
            return Accepted(resolution, run, False)

    def _announce(self, run: Run) -> None:
        try:
            self.queue.send(RUN_MESSAGE, run.id)
        except Unavailable as problem:  # it is accepted: a worker sends the message again
            log.warning("run %s: %s", run.id, problem.message)

    def wait(self, run_id: str, seconds: float) -> Run:
        """Return the run as soon as it has ended, or as it is after so many seconds."""
        deadline = time.monotonic() + seconds
        run, pause = self.run(run_id), _FIRST_LOOK
        while run.status in ACTIVE and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 1.2, _LONGEST_LOOK)
            run = self.run(run_id)
        return run

    def chain_of_task(self, type: str, task: str) -> str:
        """Return the chain of the type that has the task, for the short form of a POST.

        Raises:
            NotFound: when none has it.
            Conflict: when several have, naming them.
        """
        # Waits for all: a chain that is being read may have a task of that name as well.
        everything = self.catalog.chains(patience=self.settings.import_timeout)
        chains = [chain for chain in everything if chain.type == type]
        having = [chain.name for chain in chains if any(t.name == task for t in chain.tasks)]
        if len(having) > 1:
            places = {name: f"/api/chains/{type}/{name}/{task}" for name in having}
            raise Conflict(
                f"{len(having)} chains of {type} have a task {task}; name the chain: "
                f"{', '.join(places.values())}.",
                fields=places,
            )
        if having:
            return having[0]
        broken = [chain for chain in chains if chain.error]
        if broken:
            names = "; ".join(f"{chain.name}: {chain.error}" for chain in broken)
            raise ChainError(
                f"No chain of {type[:100]} that can be imported has a task {task[:100]}. {names}"
            )
        raise NotFound(f"No chain of type {type[:100]!r} has a task {task[:100]!r}.")

    # --- looking ---------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises:
            NotFound: when there is none of that id.
        """
        run = self.store.get(run_id)
        if run is None:
            raise NotFound(f"There is no run {run_id[:100]!r}.")
        return run

    def status(self, key: Key, file: str) -> Status:
        """Return what is known of a key.

        Raises:
            NotFound: when the key was never asked for and nothing lies there.
        """
        run = self.store.latest(str(key))
        task = self.store.task_by_key(str(key))
        # Of a key with a run of its own on its way that run alone tells, whatever others report.
        if task is not None and (
            run is None or (run.status not in ACTIVE and task.run_id > run.id)
        ):
            run = self.store.get(task.run_id) or run
        if run is not None and str(key) == run.key:
            return self._with_scheduler(self._run_status(key, run, task))
        if run is not None and task is not None:
            return self._with_scheduler(self._task_status(key, file, run, task))
        storage = default_name(self.settings)
        if storage_named(storage).exists(key, file):
            return Status(key, DONE, file, storage)
        raise NotFound(
            f"{key} was never asked for, and nothing lies there. POST the task to run it."
        )

    def _run_status(self, key: Key, run: Run, task: TaskRow | None) -> Status:
        status, note = run.status, None
        if status == DONE and run.output and not self._exists(run.storage, key, run.output):
            status, note = UNKNOWN, _DROPPED
        own = task if task is not None and task.run_id == run.id else None
        return Status(key, status, run.output or "", run.storage, run, own, note)

    def _task_status(self, key: Key, file: str, run: Run, task: TaskRow) -> Status:
        status, note = task.status, None
        if status == DONE and not self._exists(run.storage, key, file):
            status, note = UNKNOWN, _DROPPED
        elif status == FAILED and self._exists(run.storage, key, file):
            status = (
                DONE  # made since, or never missing: what one run reports harms no other's result
            )
        elif status in ACTIVE and run.status not in ACTIVE:
            # Its run ended without it; a result may have come from elsewhere since.
            status = DONE if self._exists(run.storage, key, file) else UNKNOWN
            note = None if status == DONE else f"run {run.id} ended before this task could run"
        return Status(key, status, file, run.storage, run, task, note)

    def _with_scheduler(self, status: Status) -> Status:
        if status.job_status not in ACTIVE:
            return status
        reachable = self.luigid.is_up() and (status.run is None or status.run.scheduler_reachable)
        values = {**status.__dict__, "scheduler": "ok" if reachable else "unreachable"}
        return Status(**values)

    @staticmethod
    def _exists(storage: str, key: Key, file: str) -> bool:
        return storage_named(storage).exists(key, file)

    def tasks(self, run: Run) -> list[TaskRow]:
        """Return the tasks of a run's graph: of a very large one, one more than can be shown."""
        return self.store.tasks(run.id, MOST_NODES + 1, first=run.task_id)

    def storage_of(self, key: Key) -> Storage:
        """Return the store that a key's files are in, as far as its runs tell."""
        run = self.store.latest(str(key))
        task = None if run else self.store.task_by_key(str(key))
        if task is not None:
            run = self.store.get(task.run_id)
        return storage_named(run.storage if run else default_name(self.settings))

    def log_of_run(self, run: Run, key: Key) -> str:
        """Return the name under which the log that a task wrote in a run is to be found now.

        It is ``log`` until a later attempt has that place. What wrote none in this run, because it
        was done before, has the latest; so has one of which the number is not known.
        """
        number = self.store.log_number(run.id, str(key))
        if number is None:
            return LOG_FILE
        kept = f"{LOG_FILE}.{number}"
        return kept if storage_named(run.storage).exists(key, kept) else LOG_FILE

    def live_log(self, key: Key) -> Any:
        """Return the path of a log that is still on this host and not in the store, or None.

        A task bound for S3 spools its log; a root that has not begun has its run's log.
        """
        task = self.store.task_by_key(str(key))
        run = self.store.get(task.run_id) if task else self.store.latest(str(key))
        if run is None or run.status != RUNNING:
            return None
        spool = spool_folder(self.settings.state, run.id, run.attempt)
        own = spooled_log(spool, key)
        if own.exists():
            return own
        begun = begun_marker(spool, key).exists()
        before = run_log(spool)
        return before if run.key == str(key) and not begun and before.exists() else None

    # --- changing --------------------------------------------------------------------------

    def cancel(self, run_id: str) -> Run:
        """Stop a run, or keep it from starting; a run that has ended stays as it is.

        Raises:
            NotFound: when there is none of that id.
        """
        run = self.store.request_cancel(run_id)
        if run is None:
            raise NotFound(f"There is no run {run_id[:100]!r}.")
        return run

    def drop(self, key: Key) -> list[str]:
        """Delete a key's result, so that the next POST makes it again; logs and history stay.

        Returns:
            The names of the files deleted.

        Raises:
            NotFound: when there is no result.
            Conflict: while a run is making it.
        """
        run = self.store.latest(str(key))
        if run is not None and run.status in ACTIVE:
            raise Conflict(f"Run {run.id} is making this result; cancel it first.")
        storage = self.storage_of(key)
        results = [info.name for info in storage.list_files(key) if not _is_kept(info.name)]
        dropped = [name for name in results if storage.delete(key, name)]
        if not dropped:
            raise NotFound(f"{key} has no result to drop.")
        return dropped


_DROPPED = "the result is not there any more; POST the task to make it again"


def _is_kept(name: str) -> bool:
    return name == LOG_FILE or name.startswith(f"{LOG_FILE}.") or name == "params.txt"
