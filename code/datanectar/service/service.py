"""What the API, the pages, the command line and the worker may ask for: each is one method here."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from datanectar.catalog.admission import Admission
from datanectar.catalog.listing_cache import Catalog
from datanectar.child_pool import ChildPool
from datanectar.errors import ChainError, NotFound, Unavailable
from datanectar.forkserver.handle import Handle
from datanectar.keys import Key, parse_key, run_time_text
from datanectar.luigid.client import Luigid
from datanectar.messages import Resolution, ResolveJob
from datanectar.queue import RUN_MESSAGE, RunQueue
from datanectar.runs.records import NewRun, Run, TaskRow
from datanectar.runs.store import OnNew, RunStore
from datanectar.service import logs, task_search
from datanectar.service.drop import drop_result
from datanectar.service.results import Results
from datanectar.service.status import Status, status_of
from datanectar.settings import Settings
from datanectar.statuses import ACTIVE, DONE
from datanectar.storage.base import Storage
from datanectar.storage.registry import default_name, is_known, storage_named, store_address

log = logging.getLogger(__name__)

#: Seconds between two look-ups of a run that a request waits for: at first, and at most.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1
#: So many tasks of a run are shown at most.
MOST_NODES = 10_000


@dataclass(frozen=True)
class Accepted:
    """What a submission led to: a run, or a result that was there already (``done``).

    ``run`` is None when the result was there and no run of this service is known to have made it;
    it is ``new`` when this submission created it.
    """

    resolution: Resolution
    run: Run | None
    done: bool
    new: bool = False


class Service:
    """The service behind the API, the pages, the command line and the worker.

    Args:
        settings: the settings in force.
        store, queue, luigid: the run store, the queue, and the client of luigid.
        children: the pool of child processes that resolve parameters and describe chains.
        most_waiting: so many requests at most wait for children at a time; None: no limit.
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
        self.results = Results(settings, store)

    # --- submit ----------------------------------------------------------------------------

    def resolve(
        self, type: str, chain: str, task: str, raw: dict[str, Any], **more: Any
    ) -> Resolution:
        """Return what a request would run, and under which key; starts nothing.

        Args:
            type, chain, task: the names in the route.
            raw: the request's parameters as they came.
            more: ``at``, see :meth:`accept`; ``upstream=True``: find what it requires, too.

        Raises:
            NotFound: when there is no such chain or task.
            BadRequest: when parameters are missing, unknown or malformed; it names the fields.
            ChainError: when the chain can't be imported, or its code raises.
            KeyUndefined: when the task has no key.
        """
        with self._resolved(type, chain, task, raw, **more) as (resolution, _):
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
        upstream: bool = False,
    ) -> Iterator[tuple[Resolution, Handle]]:
        """Yield what a request would run, and the child that resolved it; close that at the end."""
        run_time = run_time_text(at)
        stays = to_run and self.children.can_hand_over
        with self._room.place():
            resolution, child = self.children.ask_and_keep(
                ResolveJob(type, chain, task, raw, run_time, stays, upstream),
                timeout=self.settings.import_timeout,
                subject=f"{type}/{chain}",
            )
        with contextlib.closing(child):
            key = parse_key(resolution.key)
            if (key.type, key.chain) != (type, chain):
                raise ChainError(f"{type}/{chain}: its key can't be that of another chain, {key}.")
            if not is_known(resolution.storage):
                raise ChainError(f"{type}/{chain}: there is no store {resolution.storage!r}.")
            yield resolution, child

    def is_complete(self, resolution: Resolution) -> bool:
        """Tell whether the result of what was resolved is there."""
        if resolution.complete is not None or resolution.output is None:
            return bool(resolution.complete)
        key = parse_key(resolution.key)
        return storage_named(resolution.storage).exists(key, resolution.output)

    def accept(
        self,
        type: str,
        chain: str,
        task: str,
        raw: dict[str, Any],
        trigger: str = "http",
        requested_by: str | None = None,
        at: datetime | None = None,
        on_new: OnNew | None = None,
    ) -> Accepted:
        """Submit a task: create a run unless its result is there or a run of it is active.

        When this returns, the run is in the store and will end, whatever dies meanwhile.

        Args:
            type, chain, task: the names in the route.
            raw: the request's parameters as they came.
            trigger: what submits it: ``http``, a schedule or a backfill.
            requested_by: the name of the account that asks.
            at: the run's time, in the zone that it belongs to; None: now, in the server's.
            on_new: see :meth:`~datanectar.runs.store.RunStore.accept`.

        Raises:
            TooManyRuns: when the queue is full.
            NotFound, BadRequest, ChainError, KeyUndefined: see :meth:`resolve`.
        """
        with self._resolved(type, chain, task, raw, to_run=True, at=at) as (resolution, child):
            new = NewRun(type, chain, task, resolution, trigger, requested_by)
            if self.is_complete(resolution):
                return Accepted(resolution, self._run_of_existing_result(new), True)
            most = self.settings.max_queued
            run, is_new = self.store.accept(new, max_queued=most, on_new=on_new)
            if is_new:
                self.children.hand_over(child, run.id)
                self._announce(run)
            return Accepted(resolution, run, False, is_new)

    def _run_of_existing_result(self, new: NewRun) -> Run | None:
        """Return the run that is known to have made a result that is there, if one is.

        The status URL that the caller gives out must say DONE. Where the key's latest run would not,
        a run is created that is DONE at once.
        """
        resolution = new.resolution
        run, task = self.results.run_of(parse_key(resolution.key))
        if run is None:  # made by Luigi alone, which the status finds under the key as well
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
        except Unavailable as problem:  # it is in the store: a worker sends the message again
            log.warning("run %s: %s", run.id, problem.message, extra=run.log_fields)

    def wait(self, run_id: str, seconds: float) -> Run:
        """Return the run as soon as it has ended, or as it is after so many seconds."""
        deadline = time.monotonic() + seconds
        run, pause = self.run(run_id), _SHORTEST_PAUSE
        while run.status in ACTIVE and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 1.2, _LONGEST_PAUSE)
            run = self.run(run_id)
        return run

    def chain_of_task(self, type: str, task: str) -> str:
        """Return the chain of the type that has the task, for the short form of a POST.

        Raises:
            NotFound: when none has it.
            Conflict: when several have it; it names them.
            ChainError: when none has it, and some chains can't be imported.
        """
        # Waits for all chains of the type: one that is being read may have a task of that name, too.
        with self._room.place():
            chains = self.catalog.chains(self.settings.import_timeout, type)
        return task_search.chain_with_task(chains, type, task)

    # --- look up ---------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises:
            NotFound: when there is none of that id.
        """
        return _found(self.store.get(run_id), run_id)

    def status(self, key: Key, file: str | None = None) -> Status:
        """Return what is known of a key; see :func:`~datanectar.service.status.status_of`."""
        return self._with_scheduler(status_of(self.results, key, file))

    def _with_scheduler(self, status: Status) -> Status:
        if status.job_status not in ACTIVE:
            return status
        reachable = self.luigid.is_up() and (status.run is None or status.run.scheduler_reachable)
        return replace(status, scheduler="ok" if reachable else "unreachable")

    def tasks(self, run: Run) -> list[TaskRow]:
        """Return the tasks of a run's graph: of a very large one, one more than :data:`MOST_NODES`."""
        return self.store.tasks(run.id, MOST_NODES + 1, first=run.task_id)

    def storage_of(self, key: Key) -> Storage:
        """Return the store that a key's log and parameters are in, as far as its runs show."""
        return self.results.storage_of(key)

    def made_by(self, key: str) -> Run | None:
        """Return the latest run with the key as its root that has made the result, or None."""
        run = self.store.latest_done(key)
        return run if run is not None and run.attempt else None

    def log_of_run(self, run: Run, key: Key) -> str:
        """Return the name of the file that has the log which a task wrote in a run."""
        return logs.log_name(self.store, self.storage_of(key), run, key)

    def live_log(self, key: Key) -> Path | None:
        """Return the path of a log that is among a running attempt's files, or None."""
        return logs.live_log(self.store, self.settings.state, key)

    # --- change ----------------------------------------------------------------------------

    def cancel(self, run_id: str) -> Run:
        """Stop a run, or keep it from starting; a run that has ended stays as it is.

        Raises:
            NotFound: when there is none of that id.
        """
        return _found(self.store.request_cancel(run_id), run_id)

    def drop(self, key: Key) -> list[str]:
        """Delete a key's result, so that the next POST makes it again; logs and history stay.

        Files that lie elsewhere than under the key are deleted where they may be served, and only
        when a run of this service has made them: not what an ``ExternalTask`` names.

        Returns:
            The names of the files deleted.

        Raises:
            NotFound: when there is no result.
            Conflict: while a run is making it or needs it, or when no run has made it.
        """
        return drop_result(self.store, self.results, key)


def _found(run: Run | None, run_id: str) -> Run:
    if run is None:
        raise NotFound(f"There is no run {run_id[:100]!r}.")
    return run
