"""What HTTP and the command line may ask for: accept, status, cancel, drop, look.

Holds no state of its own beside the parts it is made of; every answer is a record.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datanectar.catalog.admission import Admission
from datanectar.catalog.files import no_task
from datanectar.catalog.listing_cache import Catalog
from datanectar.child_pool import ChildPool
from datanectar.errors import ChainError, Conflict, NotFound, Unavailable
from datanectar.forkserver.handle import Handle
from datanectar.keys import LOG_FILE, Key, parse_key, run_time_text
from datanectar.luigid.client import Luigid
from datanectar.messages import Resolution, ResolveJob
from datanectar.runs.queue import RUN_MESSAGE, RunQueue
from datanectar.runs.records import NewRun, Run, TaskRow
from datanectar.runs.store import RunStore
from datanectar.service.results import ResultFile, is_ours
from datanectar.service.status import Lookup, Status
from datanectar.settings import Settings
from datanectar.statuses import ACTIVE, DONE, RUNNING
from datanectar.storage.attempt_files import attempt_folder, attempt_log, begun_marker, run_log
from datanectar.storage.base import Storage
from datanectar.storage.registry import default_name, storage_named, store_address

log = logging.getLogger(__name__)

#: Seconds between two looks at a run that somebody waits for: at first, and at most.
_FIRST_LOOK, _LONGEST_LOOK = 0.005, 0.1
#: So many tasks of a run are shown at most.
MOST_NODES = 10_000


@dataclass(frozen=True)
class Accepted:
    """What became of a POST: the run that does it, or the result that is there already.

    ``run`` is None when the result was there and no run of ours is known to have made it; it is
    ``new`` when this POST began it.
    """

    resolution: Resolution
    run: Run | None
    done: bool
    new: bool = False


class Service:
    """The service behind every door.

    Args:
        settings: the settings in force.
        store, queue, luigid: the run store, the queue, and luigid.
        children: resolve parameters and describe chains.
        most_waiting: so many requests at most wait for chains at a time; None: all that come.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: RunStore,
        queue: RunQueue,
        children: ChildPool,
        luigid: Luigid,
        most_waiting: int | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.queue = queue
        self.luigid = luigid
        self.children = children
        self._room = Admission(most_waiting or sys.maxsize)
        self.catalog = Catalog(settings, children, room=self._room)
        self.lookup = Lookup(settings, store)

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
        self,
        type: str,
        chain: str,
        task: str,
        raw: dict[str, Any],
        *,
        to_run: bool = False,
        at: datetime | None = None,
    ) -> Iterator[tuple[Resolution, Handle]]:
        """Give what a request would run, and the child that made it out, until the block's end."""
        run_time = run_time_text(at)
        stays = to_run and self.children.can_hand_over
        with self._room.place():
            resolution, child = self.children.ask_and_keep(
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
        self,
        type: str,
        chain: str,
        task: str,
        raw: dict[str, Any],
        trigger: str = "http",
        at: datetime | None = None,
    ) -> Accepted:
        """Have a task run, unless its result is there or a run of it is on its way.

        When this returns, the run is in the store and will end, whatever dies meanwhile. ``at`` is
        the moment that stands for the run, by the clock of its zone; None: now, by the server's.

        Raises:
            TooManyRuns: when the queue is full.
            NotFound, BadRequest, ChainError, KeyUndefined: see ``execution.resolve``.
        """
        with self._resolved(type, chain, task, raw, to_run=True, at=at) as (resolution, child):
            new = NewRun(type, chain, task, resolution, trigger)
            if self.is_complete(resolution):
                return Accepted(resolution, self._there_already(new), True)
            run, is_new = self.store.accept(new, max_queued=self.settings.max_queued)
            if is_new:
                self.children.hand_over(child, run.id)
                self._announce(run)
            return Accepted(resolution, run, False, is_new)

    def _there_already(self, new: NewRun) -> Run | None:
        """Return the run that is known to have made a result that is there, if one is.

        Where the key's status would not say that it is there, a run that is DONE at once does from
        now on: a status URL that was given out must be good.
        """
        resolution = new.resolution
        run, task = self.lookup.known(parse_key(resolution.key))
        if run is None:  # Luigi alone has made it: a look under the key shows that as well
            default = store_address(default_name(self.settings))
            shows = resolution.complete is None and resolution.storage == default
            return None if shows else self.store.accept_done(new)
        of_root = run.key == resolution.key
        if of_root and run.status == DONE:
            return run
        status = run.status if of_root or task is None else task.status
        if status == DONE or run.status in ACTIVE:
            return self.store.latest_done(resolution.key)
        return self.store.accept_done(new)

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
        # Waits for all of it: a chain that is being read may have a task of that name as well.
        with self._room.place():
            chains = self.catalog.chains(self.settings.import_timeout, type)
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
        for chain in chains:
            if any(left.name == task for left in chain.left_out):
                raise NotFound(no_task(chain, task))
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

    def status(self, key: Key, file: str | None = None) -> Status:
        """Return what is known of a key.

        Args:
            file: the result's name, where no run has told it; None: not known.

        Raises:
            NotFound: when the key was never asked for and nothing lies there.
        """
        return self._with_scheduler(self.lookup.status(key, file))

    def _with_scheduler(self, status: Status) -> Status:
        if status.job_status not in ACTIVE:
            return status
        reachable = self.luigid.is_up() and (status.run is None or status.run.scheduler_reachable)
        values = {**status.__dict__, "scheduler": "ok" if reachable else "unreachable"}
        return Status(**values)

    def tasks(self, run: Run) -> list[TaskRow]:
        """Return the tasks of a run's graph: of a very large one, one more than can be shown."""
        return self.store.tasks(run.id, MOST_NODES + 1, first=run.task_id)

    def storage_of(self, key: Key) -> Storage:
        """Return the store that a key's files are in, as far as its runs tell."""
        return self.lookup.storage_of(key)

    def made_by(self, key: str) -> Run | None:
        """Return the newest run that has made the key's result as what it was asked for, or None."""
        run = self.store.latest_done(key)
        return run if run is not None and run.attempt else None

    def log_of_run(self, run: Run, key: Key) -> str:
        """Return the name under which the log that a task wrote in a run is to be found now.

        It is ``log`` until a later attempt has that place. What wrote none in this run, because it
        was done before, has the latest; so has one of which the number is not known.
        """
        number = self.store.log_number(run.id, str(key))
        if number is None:
            return LOG_FILE
        kept = f"{LOG_FILE}.{number}"
        return kept if self.storage_of(key).exists(key, kept) else LOG_FILE

    def live_log(self, key: Key) -> Any:
        """Return the path of a log that is still on this host and not in the store, or None.

        A task bound for S3 spools its log; a root that has not begun has its run's log.
        """
        task = self.store.task_by_key(str(key))
        run = self.store.get(task.run_id) if task else self.store.latest(str(key))
        if run is None or run.status != RUNNING:
            return None
        attempt_dir = attempt_folder(self.settings.state, run.id, run.attempt)
        own = attempt_log(attempt_dir, key)
        if own.exists():
            return own
        begun = begun_marker(attempt_dir, key).exists()
        before = run_log(attempt_dir)
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

        Files that lie elsewhere than under the key are deleted where they may be given out, and
        only when a run of this service has made them: what an ``ExternalTask`` names is not ours.

        Returns:
            The names of the files deleted.

        Raises:
            NotFound: when there is no result.
            Conflict: while a run is making it or needs it, or when no run has made it.
        """
        self._refuse_if_needed(key)
        storage = self.storage_of(key)
        results = [info.name for info in storage.list_files(key) if not is_ours(info.name)]
        dropped = [name for name in results if storage.delete(key, name)]
        if not dropped:
            dropped = [file.name for file in self._own_results(key) if file.delete()]
        if not dropped:
            raise NotFound(f"{key} has no result to drop.")
        return dropped

    def _refuse_if_needed(self, key: Key) -> None:
        run = self.store.latest(str(key))
        if run is not None and run.status in ACTIVE:
            raise Conflict(f"Run {run.id} is making this result; cancel it first.")
        run = self.store.active_with_task(str(key))
        if run is not None:
            raise Conflict(
                f"Run {run.id} ({run.type}/{run.chain}/{run.task}) needs this result; "
                "cancel it first, or wait for its end."
            )

    def _own_results(self, key: Key) -> list[ResultFile]:
        """Return the files of the key's result that lie elsewhere and that a run has made."""
        files = self.lookup.declared_files(key)
        if files and not self.store.has_made(str(key)):
            names = ", ".join(file.name for file in files[:5])
            raise Conflict(
                f"No run of this service has made {names}, so it is not dropped here: delete it "
                "where it is kept."
            )
        return files
