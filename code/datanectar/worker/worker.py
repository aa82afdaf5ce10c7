"""The worker: takes runs from the queue, has them done by children, and minds the books.

Huey's consumer hands messages to its threads, one thread a slot. Beside them one thread keeps the
leases of this worker's runs alive, hears of cancellations, and takes back runs whose worker died.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from datanectar.errors import DatanectarError
from datanectar.forkserver.handle import LOST, Handle
from datanectar.luigid.names import worker_id
from datanectar.queue import ASSIST_MESSAGE, RUN_MESSAGE
from datanectar.runs.records import Run, WorkerRow
from datanectar.service.service import Service
from datanectar.statuses import PENDING, RUNNING
from datanectar.storage.attempt_files import attempt_folder, clear
from datanectar.worker.attempt import Assistance, Lease, Supervision, Watch
from datanectar.worker.orphans import AttemptSweeper, is_alive, keep_logs, kill_leftover
from datanectar.worker.scheduler import Scheduler

log = logging.getLogger(__name__)

#: Seconds between two heartbeats at most, in which orders to cancel are heard too; and how many
#: there are in the time after which a worker counts as lost.
_BEAT = 1.0
_BEATS = 5
#: Seconds between two searches for runs whose worker is gone, and for runs without a message.
_SWEEP = 2.0
#: Seconds between two looks at what is due by its schedule.
_LOOK = 1.0
#: Seconds between two searches for files of attempts that are over.
_SPOOL_SWEEP = 30.0
#: Seconds between two clean-ups of old history.
_PURGE = 3600.0
#: Seconds of silence after which a worker on another host is no longer listed.
_FORGET = 86_400.0


def host_identity(node: str) -> str:
    """Return a name for the set of processes whose pids mean something here.

    The node's name, this boot, and the pid namespace: a container's pid 7 is not its host's.
    """
    parts = [node]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text()[:8])
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]"))
    return "/".join(parts)


class Worker:
    """Runs up to ``settings.workers`` runs at a time until it is told to stop.

    Args:
        service: the parts that the worker shares with every other door.
    """

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service = service
        self._settings = settings
        self._store = service.store
        self._queue = service.queue
        self._children = service.children
        self._luigid = service.luigid
        self._scheduler = Scheduler(service)
        self._host = host_identity(settings.node)
        self._started = psutil.Process().create_time()
        self.id = f"{settings.node}-{os.getpid()}-{secrets.token_hex(3)}"
        self._watched: dict[str, Watch] = {}
        self._unwatched: frozenset[str] = frozenset()
        self._lease = Lease(settings.heartbeat_timeout)
        self._attempt_sweeper = AttemptSweeper(
            self._store, self._children, settings.state, self._is_watched
        )
        self._stop = threading.Event()
        self._gate = threading.Lock()
        self._busy = 0

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish or hand back what runs, and return."""
        self._children.start()
        for kind, handler in ((RUN_MESSAGE, self._take), (ASSIST_MESSAGE, self._assist)):
            self._queue.on(kind, partial(self._handle, kind, handler))
        consumer = self._queue.huey.create_consumer(
            workers=self._settings.workers, periodic=False, scheduler_interval=60
        )
        _in_spite_of_errors(self._sweep)
        consumer.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        log.info("worker %s: %d at a time", self.id, self._settings.workers)
        keeper = threading.Thread(target=self._keep, name="keeper")
        keeper.start()
        # Threads of their own: a chain that hangs at import, or a store of millions of old runs,
        # must keep neither a lease from being renewed nor a lost run from being found.
        self._repeat(self._sweep, _SWEEP)
        self._repeat(self._scheduler.fire_due, _LOOK)
        self._repeat(self._sweep_attempts, _SPOOL_SWEEP)
        self._repeat(self._purge, _PURGE)
        self._stop.wait()
        consumer.stop_flag.set()
        self._wind_down()
        keeper.join()
        with contextlib.suppress(DatanectarError):
            self._store.forget_worker(self.id)
        self._children.close()

    def _handle(self, kind: str, handler: Callable[..., None], *arguments: Any) -> None:
        """Handle a message, or leave it to others when this worker is stopping."""
        with self._gate:
            stopping = self._stop.is_set()
            self._busy += not stopping
        if stopping:
            self._queue.send(kind, *arguments)
            return
        try:
            handler(*arguments)
        finally:
            with self._gate:
                self._busy -= 1

    def _take(self, run_id: str) -> None:
        """Handle the message that a run waits."""
        # The child that made the request out, if it is still there: it has the chain already.
        child = self._children.pick_up(run_id)
        if child is None and self._is_suspect(run_id):
            with self._children.apart() as child:
                self._take_with(child, run_id, is_apart=True)
        else:
            self._take_with(child or self._children.reserve(), run_id)

    def _is_suspect(self, run_id: str) -> bool:
        """Tell whether a run was lost with the fork server last time: it may be what has killed it."""
        run = self._store.get(run_id)
        return run is not None and run.status == PENDING and LOST in (run.error or "")

    def _take_with(self, child: Handle, run_id: str, *, is_apart: bool = False) -> None:
        try:
            run = self._store.claim(
                run_id, self.id, self._settings.heartbeat_timeout, child.pid, child.started
            )
        except BaseException:
            child.close()
            raise
        if run is None:  # ended, cancelled, or another's already
            child.close()
            return

        def make() -> Watch:
            return Supervision(run, self._service, self._lease, is_apart=is_apart)

        if self._watch(run.id, make, child):
            self._queue.send(RUN_MESSAGE, run.id)

    def _watch(self, name: str, make: Callable[[], Watch], child: Handle) -> bool:
        """Watch a child to its end, under a name; return whether its run has to be queued again."""
        with contextlib.closing(child):
            self._watched[name] = watch = make()
            try:
                if watch.run.width > 1 and name == watch.run.id:
                    # Beside the watch, which hears at once should the run be cancelled.
                    call = partial(_in_spite_of_errors, partial(self._call_for_assistance, watch))
                    threading.Thread(target=call, name="assistance", daemon=True).start()
                return watch.watch(child)
            finally:
                del self._watched[name]

    def _call_for_assistance(self, watch: Watch) -> None:
        """Send a message for each worker that a wide run could use, and that could come."""
        run, slots = watch.run, sum(worker.slots for worker in self._live_workers())
        for assistant in range(1, min(run.width, slots)):
            if self._watched.get(run.id) is not watch:
                return
            self._queue.send(ASSIST_MESSAGE, run.id, run.attempt, assistant)

    def _assist(self, run_id: str, attempt: int, assistant: int) -> None:
        """Handle the message that a wide run could use another worker, if it still goes on."""
        run = self._store.get(run_id)
        if run is None or (run.status, run.attempt) != (RUNNING, attempt):
            return
        self._watch(
            f"{run_id}-{assistant}",
            lambda: Assistance(run, self._service, self._lease, assistant),
            self._children.reserve(),
        )

    def _is_watched(self, run_id: str) -> bool:
        return any(watch.run.id == run_id for watch in list(self._watched.values()))

    def _wind_down(self) -> None:
        """Wait up to the grace for what runs, then have it handed back."""
        with self._gate:  # who is past it by now is counted
            deadline = time.monotonic() + self._settings.grace
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.05)
        while self._busy:
            for watch in list(self._watched.values()):
                watch.hand_back()
            time.sleep(0.05)

    def _repeat(self, duty: Callable[[], None], pause: float) -> None:
        """Do ``duty`` in a thread of its own until the worker stops, with pauses in seconds."""

        def loop() -> None:
            while not self._stop.is_set():
                _in_spite_of_errors(duty)
                self._stop.wait(pause)

        threading.Thread(target=loop, name=duty.__name__, daemon=True).start()

    # --- the keeper's thread ---------------------------------------------------------------

    def _keep(self) -> None:
        pause = min(_BEAT, self._settings.heartbeat_timeout / _BEATS)
        while not (self._stop.is_set() and not self._busy):
            _in_spite_of_errors(self._beat)
            # While stopping, look often: the stop waits for this thread.
            time.sleep(0.05) if self._stop.is_set() else self._stop.wait(pause)

    def _beat(self) -> None:
        watched = dict(self._watched)
        began = time.monotonic()
        held = self._store.heartbeat(self.id, self._settings.heartbeat_timeout)
        self._lease.renew(began)
        self._children.live_until(self._lease.until)
        for name, watch in watched.items():
            if watch.run.id in held.cancelled:
                watch.cancel()
            elif watch.run.id not in held.run_ids and name in self._watched:
                self._check_lost(watch)
        self._take_back_unwatched(held.run_ids)

    def _take_back_unwatched(self, held: frozenset[str]) -> None:
        """Take back runs that this worker holds and nobody watches: their thread failed."""
        unwatched = held - self._watched.keys()
        for run_id in unwatched & self._unwatched:  # for the second time: not just being claimed
            run = self._store.get(run_id)
            if run is not None and run.owner == self.id:
                self._take_back(run, "its supervision failed; the worker's log says more")
        self._unwatched = unwatched

    def _check_lost(self, watch: Watch) -> None:
        """Stop what goes on for a run that is no more, or is in other hands by now."""
        run = self._store.get(watch.run.id)
        if run is None or run.status != RUNNING or watch.fence != (run.id, run.attempt, run.owner):
            watch.abandon()

    # --- lost runs -------------------------------------------------------------------------

    def _sweep(self) -> None:
        self._store.beat_worker(
            self.id, self._host, os.getpid(), self._started, self._settings.workers
        )
        here = self._store.workers(node=self._host)
        for worker in here:
            if not is_alive(worker.pid, worker.pid_started):
                _in_spite_of_errors(partial(self._replace, worker))
        for run in self._store.expired() if self._lease.is_steady else ():
            if run.owner != self.id:
                is_from_here = run.owner in [worker.id for worker in here]
                _in_spite_of_errors(partial(self._take_over, run, is_from_here))
        self._send_again()

    def _replace(self, worker: WorkerRow) -> None:
        """Take back what a worker of this host held when it died, and forget it."""
        reason, is_done = f"worker {worker.id} died", True
        for run in self._store.held_by(worker.id):
            is_done &= _in_spite_of_errors(partial(self._take_over, run, True, reason))
        if is_done:
            self._store.forget_worker(worker.id)

    def _take_over(self, run: Run, is_from_here: bool, reason: str = "") -> None:
        """Take back a run from a worker that died, or whose lease is over when no reason is given."""
        attempt_dir = attempt_folder(self._settings.state, run.id, run.attempt)
        if is_from_here:
            kill_leftover(run, attempt_dir)
        # Before another attempt's log has that place. Nothing can be wrong with a log that matters
        # more than the run.
        _in_spite_of_errors(partial(keep_logs, self._children, attempt_dir, run))
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        lost = f"worker {run.owner} lost at {moment} UTC"
        if self._take_back(run, reason or lost, if_expired=not reason):
            clear(attempt_dir)

    def _sweep_attempts(self) -> None:
        """Remove the files of attempts that are over, such as those from before a reboot."""
        live = [worker for worker in self._live_workers() if worker.id != self.id]
        self._attempt_sweeper.sweep(is_alone=not live)

    def _live_workers(self) -> list[WorkerRow]:
        """Return the workers that have been heard of lately, by the store's clock, on any host."""
        workers = self._store.workers()
        latest = max((worker.heartbeat for worker in workers), default=0.0)
        since = latest - max(self._settings.heartbeat_timeout, 3 * _SWEEP)
        return [worker for worker in workers if worker.heartbeat >= since]

    def _take_back(self, run: Run, reason: str, *, if_expired: bool = False) -> bool:
        """Take a run from whoever has lost it; return whether it could be."""
        status = self._store.take_back(
            run, reason, self._settings.max_attempts, if_expired=if_expired
        )
        if status is None:
            return False
        log.warning("run %s: %s; it is %s now", run.id, reason, status)
        with contextlib.suppress(OSError):
            self._luigid.end_worker(worker_id(run.id), reason)
        if status == PENDING:
            self._queue.send(RUN_MESSAGE, run.id)
        return True

    def _send_again(self) -> None:
        """Send messages for runs that wait in the store without one, as far as can be told.

        There is at least a message a run; when there are fewer, some were lost, those of the runs
        that have waited longest: the queue is first in, first out. Never more are sent than are
        missing, so the queue does not grow by it.
        """
        missing = self._store.active_counts()[PENDING] - self._queue.size()
        if missing > 0:
            for run_id in self._store.waiting(missing, older_than_seconds=_SWEEP):
                self._queue.send(RUN_MESSAGE, run_id)

    def _purge(self) -> None:
        for worker in self._store.workers():
            if worker.heartbeat < time.time() - _FORGET:
                _in_spite_of_errors(partial(self._store.forget_worker, worker.id))
        if self._settings.keep_runs_days:
            self._store.purge(time.time() - self._settings.keep_runs_days * 86_400)


def _in_spite_of_errors(duty: Callable[[], object]) -> bool:
    """Do a duty, and tell whether it could be done; what keeps it from that is logged."""
    try:
        duty()
    except DatanectarError as problem:
        log.warning("%s", problem.message)
        return False
    except Exception:
        log.exception("the worker goes on after this")
        return False
    return True
