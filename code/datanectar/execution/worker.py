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
from pathlib import Path

import psutil

from datanectar.errors import DatanectarError
from datanectar.execution.queue import ASSIST_MESSAGE, RUN_MESSAGE
from datanectar.execution.service import Service
from datanectar.execution.supervise import Assistance, Supervision, Watch
from datanectar.execution.timetable import Timetable
from datanectar.luigid import worker_id
from datanectar.records import PENDING, RUNNING, Run

log = logging.getLogger(__name__)

#: Seconds between two heartbeats, in which orders to cancel are heard too.
_BEAT = 1.0
#: Seconds between two searches for runs whose worker is gone, and for runs without a message.
_SWEEP = 2.0
#: Seconds between two clean-ups of old history.
_PURGE = 3600.0


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


def is_alive(pid: int | None, started: float | None) -> bool:
    """Tell whether the process ``pid`` that began at ``started`` still lives, and is no other."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


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
        self._timetable = Timetable(service)
        self._host = host_identity(settings.node)
        self._started = psutil.Process().create_time()
        self.id = f"{settings.node}-{os.getpid()}-{secrets.token_hex(3)}"
        self._watched: dict[str, Watch] = {}
        self._unwatched: frozenset[str] = frozenset()
        self._stop = threading.Event()
        self._lease_kept_at = time.monotonic()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish or hand back what runs, and return."""
        self._children.start()
        self._queue.on(RUN_MESSAGE, self._take)
        self._queue.on(ASSIST_MESSAGE, self._assist)
        consumer = self._queue.huey.create_consumer(
            workers=self._settings.workers, periodic=False, scheduler_interval=60
        )
        self._sweep()
        consumer.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        log.info("worker %s: %d at a time", self.id, self._settings.workers)
        keeper = threading.Thread(target=self._keep, name="keeper")
        keeper.start()
        self._stop.wait()
        consumer.stop_flag.set()
        self._wind_down()
        keeper.join()
        with contextlib.suppress(DatanectarError):
            self._store.forget_worker(self.id)
        self._children.close()

    def _take(self, run_id: str) -> None:
        """Handle the message that a run waits."""
        if self._stop.is_set():
            self._queue.send(RUN_MESSAGE, run_id)
            return
        child = self._children.reserve()
        try:
            run = self._store.claim(
                run_id, self.id, self._settings.heartbeat_timeout, child.pid, child.started
            )
        except DatanectarError:
            self._children.give_back(child)
            raise
        if run is None:  # ended, cancelled, or another's already
            self._children.give_back(child)
            return
        watch = Supervision(run, self._service)
        self._watched[run.id] = watch
        try:
            for member in range(1, run.width):
                self._queue.send(ASSIST_MESSAGE, run.id, run.attempt, member)
            if watch.watch(child):
                self._queue.send(RUN_MESSAGE, run.id)
        finally:
            del self._watched[run.id]

    def _assist(self, run_id: str, attempt: int, member: int) -> None:
        """Handle the message that a wide run could use another worker, if it still goes on."""
        run = self._store.get(run_id)
        if run is None or (run.status, run.attempt) != (RUNNING, attempt) or self._stop.is_set():
            return
        name = f"{run_id}-{member}"
        self._watched[name] = watch = Assistance(run, self._service, member)
        try:
            watch.watch(self._children.reserve())
        finally:
            del self._watched[name]

    def _wind_down(self) -> None:
        """Wait up to the grace for what runs, then have it handed back."""
        deadline = time.monotonic() + self._settings.grace
        while self._watched and time.monotonic() < deadline:
            time.sleep(0.05)
        for watch in list(self._watched.values()):
            watch.hand_back()
        while self._watched:
            time.sleep(0.05)

    # --- the keeper's thread ---------------------------------------------------------------

    def _keep(self) -> None:
        swept = purged = float("-inf")
        while not (self._stop.is_set() and not self._watched):
            now = time.monotonic()
            try:
                self._beat()
                if now - swept > _SWEEP and not self._stop.is_set():
                    swept = now
                    self._sweep()
                if not self._stop.is_set():
                    self._timetable.fire_due()
                if now - purged > _PURGE:
                    purged = now
                    self._purge()
            except DatanectarError as problem:
                log.warning("%s", problem.message)
            except Exception:
                log.exception("the keeper goes on after this")
            self._leave_if_lease_is_over()
            # While stopping, look often: the stop waits for this thread.
            time.sleep(0.05) if self._stop.is_set() else self._stop.wait(_BEAT)

    def _beat(self) -> None:
        watched = dict(self._watched)
        began = time.monotonic()
        held = self._store.heartbeat(self.id, self._settings.heartbeat_timeout)
        self._lease_kept_at = began
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

    def _leave_if_lease_is_over(self) -> None:
        """Stop children that another host may be starting again: the store was away too long."""
        if time.monotonic() - self._lease_kept_at > self._settings.heartbeat_timeout:
            for watch in list(self._watched.values()):
                watch.abandon()

    def _sweep(self) -> None:
        self._store.beat_worker(
            self.id, self._host, os.getpid(), self._started, self._settings.workers
        )
        for worker in self._store.workers():
            if worker.node == self._host and not is_alive(worker.pid, worker.pid_started):
                for run in self._store.held_by(worker.id):
                    self._take_back(run, f"worker {worker.id} died")
                self._store.forget_worker(worker.id)
        for run in self._store.expired():
            if run.owner != self.id:
                moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
                reason = f"worker {run.owner} lost at {moment} UTC"
                self._take_back(run, reason, if_expired=True)
        self._send_again()

    def _take_back(self, run: Run, reason: str, *, if_expired: bool = False) -> None:
        self._end_leftover(run)
        task_ids = [t.task_id for t in self._store.tasks(run.id) if t.status == RUNNING]
        status = self._store.take_back(
            run, reason, self._settings.max_attempts, if_expired=if_expired
        )
        if status is None:
            return
        log.warning("run %s: %s; it is %s now", run.id, reason, status)
        with contextlib.suppress(OSError):
            self._luigid.fail_tasks(worker_id(run.id), task_ids, reason)
        if status == PENDING:
            self._queue.send(RUN_MESSAGE, run.id)

    def _end_leftover(self, run: Run) -> None:
        """Kill what may be left of a dead worker's child, if it is this host's and still itself."""
        if run.owner and run.owner.startswith(f"{self._settings.node}-"):
            with contextlib.suppress(OSError):
                if is_alive(run.child_pid, run.child_started) and run.child_pid:
                    os.killpg(run.child_pid, signal.SIGKILL)

    def _send_again(self) -> None:
        """Send messages for runs that wait in the store while the queue is empty."""
        if self._queue.size() == 0:
            for run_id in self._store.waiting(1000, older_than_seconds=_SWEEP):
                self._queue.send(RUN_MESSAGE, run_id)

    def _purge(self) -> None:
        if self._settings.keep_runs_days:
            self._store.purge(time.time() - self._settings.keep_runs_days * 86_400)
