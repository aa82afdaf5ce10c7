"""The worker process: takes runs from the queue and has them done by children.

Huey's consumer hands messages to its threads, one thread per slot. Beside them a thread sends the
heartbeats, and others look for lost runs, due schedules, orphaned files and old history.
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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from huey.consumer import Consumer

from datanectar.backfills.driver import Driver
from datanectar.counters.store import Counters, add_regularly
from datanectar.errors import DatanectarError
from datanectar.forkserver.handle import LOST, Handle
from datanectar.notifications.sending.sender import Sender
from datanectar.notifications.store import WebhookStore
from datanectar.queue import ASSIST_MESSAGE, RUN_MESSAGE
from datanectar.retention.upkeep import INTERVAL as UPKEEP_INTERVAL
from datanectar.retention.upkeep import Upkeep
from datanectar.service.service import Service
from datanectar.statuses import PENDING, RUNNING
from datanectar.worker.assisting_attempt import AssistingAttempt
from datanectar.worker.attempt import Attempt
from datanectar.worker.end_reason import Stop
from datanectar.worker.heartbeat import Heartbeat
from datanectar.worker.lease import Lease
from datanectar.worker.orphans import OrphanSweeper
from datanectar.worker.recovery import INTERVAL, Recovery
from datanectar.worker.scheduler import Scheduler
from datanectar.worker.telemetry.attempts import attempt_followed
from datanectar.worker.threads import repeat, safely

log = logging.getLogger(__name__)

#: Seconds between two heartbeats at most; and how many there are in the time after which a worker
#: counts as lost.
_BEAT = 1.0
_BEATS = 5
#: Seconds between two looks at what is due by its schedule, between two at what webhooks are to be told,
#: between two steps of backfills, and between two searches for files of attempts that are over.
_SCHEDULE_INTERVAL = 1.0
_WEBHOOK_INTERVAL = 1.0
_BACKFILL_INTERVAL = 0.2
_ORPHANS_INTERVAL = 30.0


def host_identity(node: str) -> str:
    """Return a name for the set of processes in which a pid of this process means the same.

    The node's name, this boot, and the pid namespace: a container's pid 7 is not its host's.
    """
    names = [node]
    with contextlib.suppress(OSError):
        names.append(Path("/proc/sys/kernel/random/boot_id").read_text()[:8])
    with contextlib.suppress(OSError):
        names.append(str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]"))
    return "/".join(names)


class _Consumer(Consumer):
    """Huey's consumer without its signal handlers.

    It sets them as the last step of its start (huey/consumer.py ``Consumer.start``), when its threads
    work already: a SIGTERM before the worker had its own in place again would be lost.
    """

    def _set_signal_handlers(self) -> None:
        pass


class Worker:
    """Does up to ``settings.workers`` runs at a time until it is stopped.

    Args:
        service: the parts that the worker shares with the web.
    """

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.id = f"{settings.node}-{os.getpid()}-{secrets.token_hex(3)}"
        self._service = service
        self._settings = settings
        self._store = service.store
        self._queue = service.queue
        self._children = service.children
        self._host = host_identity(settings.node)
        self._started = psutil.Process().create_time()
        self._counters = Counters(service.store.database)
        self._version = version("datanectar")
        self._lease = Lease(settings.heartbeat_timeout)
        #: The attempts that are followed now: by run id, and those that assist by another name.
        self._attempts: dict[str, Attempt] = {}
        self._recovery = Recovery(service, self.id, self._host, self._lease)
        self._heartbeat = Heartbeat(service, self.id, self._lease, self._attempts, self._recovery)
        self._sweeper = OrphanSweeper(
            self._store, self._children, settings.state, self._is_followed
        )
        #: Set: it takes no more runs; and, later, it has none any more.
        self._stop, self._is_done = threading.Event(), threading.Event()
        #: When runs that have not ended are handed back: a signal says so.
        self._hand_back_at = float("inf")
        self._lock = threading.Lock()
        self._busy = 0

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, or until told to drain; finish what runs, and return.

        After a signal, what has not ended within the grace is handed back.
        """
        self._children.start()
        for kind, handler in ((RUN_MESSAGE, self._take), (ASSIST_MESSAGE, self._assist)):
            self._queue.on(kind, partial(self._handle, kind, handler))
        slots = self._settings.workers
        consumer = _Consumer(self._queue.huey, workers=slots, periodic=False, scheduler_interval=60)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end_within_grace())
        signal.signal(signal.SIGHUP, lambda *_: None)  # the end of a terminal ends no runs
        safely(self._recover)
        consumer.start()
        log.info("worker %s: %d at a time", self.id, self._settings.workers)
        heart = threading.Thread(target=self._beat, name="heartbeat")
        heart.start()
        # Threads of their own: neither a chain that hangs at import nor a store with millions of
        # old runs may keep a heartbeat from being sent, or a lost run from being found.
        recovering = repeat(self._recover, INTERVAL, self._is_done)
        repeat(Scheduler(self._service).fire_due, _SCHEDULE_INTERVAL, self._stop)
        repeat(Driver(self._service, self.id).drive, _BACKFILL_INTERVAL, self._stop)
        sender = Sender(WebhookStore(self._store.database), self._settings)
        repeat(sender.send_due, _WEBHOOK_INTERVAL, self._stop)
        repeat(self._sweep_orphans, _ORPHANS_INTERVAL, self._stop)
        add_regularly(self._counters)
        repeat(Upkeep(self._service, self.id).look, UPKEEP_INTERVAL, self._stop)
        self._stop.wait()
        consumer.stop_flag.set()
        self._wind_down()
        self._is_done.set()
        heart.join()
        recovering.join(INTERVAL)  # else it might register this worker again
        with contextlib.suppress(DatanectarError):
            self._store.forget_worker(self.id)
            self._counters.add_own()
        self._children.close()

    # --- messages --------------------------------------------------------------------------

    def _handle(self, kind: str, handler: Callable[..., None], *arguments: Any) -> None:
        """Handle a message, or leave it to others when this worker is stopping."""
        with self._lock:
            is_stopping = self._stop.is_set()
            self._busy += not is_stopping
        if is_stopping:
            self._queue.send(kind, *arguments)
            return
        try:
            handler(*arguments)
        finally:
            with self._lock:
                self._busy -= 1

    def _take(self, run_id: str) -> None:
        """Handle the message that a run is PENDING."""
        # The child that resolved the request, if it is still there: it has imported the chain.
        child = self._children.pick_up(run_id)
        if child is None and self._is_suspect(run_id):
            with self._children.isolated() as child:
                self._claim(run_id, child, is_apart=True)
        else:
            self._claim(run_id, child or self._children.reserve())

    def _is_suspect(self, run_id: str) -> bool:
        """Tell whether the run's last attempt was lost with the fork server: it may have killed it."""
        run = self._store.get(run_id)
        return run is not None and run.status == PENDING and LOST in (run.error or "")

    def _claim(self, run_id: str, child: Handle, *, is_apart: bool = False) -> None:
        """Claim a run for a child, and follow the attempt; do nothing if the run is not PENDING."""
        with contextlib.closing(child):
            timeout = self._settings.heartbeat_timeout
            run = self._store.claim(run_id, self.id, timeout, child.pid, child.started)
            if run is None:
                return
            attempt = Attempt(run, self._service, self._lease, is_apart=is_apart)
            if self._follow(run.id, attempt, child):
                self._queue.send(RUN_MESSAGE, run.id)

    def _call_assistants(self, attempt: Attempt) -> None:
        """Send a message for each worker that a wide run could use, and that could come."""
        run, slots = attempt.run, sum(worker.slots for worker in self._recovery.live_workers())
        for assistant in range(1, min(run.width, slots)):
            if self._attempts.get(run.id) is not attempt:
                return
            self._queue.send(ASSIST_MESSAGE, run.id, run.attempt, assistant)

    def _assist(self, run_id: str, attempt: int, assistant: int) -> None:
        """Handle the message that a wide run could use another worker, if it still goes on."""
        run = self._store.get(run_id)
        if run is None or (run.status, run.attempt) != (RUNNING, attempt):
            return
        with contextlib.closing(self._children.reserve()) as child:
            assisting = AssistingAttempt(run, self._service, self._lease, assistant)
            self._follow(f"{run_id}-{assistant}", assisting, child)

    def _follow(self, name: str, attempt: Attempt, child: Handle) -> bool:
        """Follow an attempt, which others find under its name; return whether its run is PENDING."""
        self._attempts[name] = attempt
        try:
            if attempt.run.width > 1 and not attempt.assistant:
                # In another thread: this one hears at once if the run is cancelled.
                call = partial(safely, self._call_assistants, attempt)
                threading.Thread(target=call, name="call assistants", daemon=True).start()
            with attempt_followed(attempt.run, attempt.assistant):
                return attempt.follow(child)
        finally:
            del self._attempts[name]

    # --- beside them -----------------------------------------------------------------------

    def _beat(self) -> None:
        pause = min(_BEAT, self._settings.heartbeat_timeout / _BEATS)
        while not self._is_done.is_set():
            safely(self._heartbeat.beat)
            self._is_done.wait(pause)

    def _recover(self) -> None:
        identity = (self.id, self._host, os.getpid(), self._started)
        if self._store.beat_worker(*identity, self._settings.workers, self._version):
            self._stop.set()
        self._recovery.search()

    def _sweep_orphans(self) -> None:
        """Remove the files of attempts that are over, such as those from before a reboot."""
        others = [worker for worker in self._recovery.live_workers() if worker.id != self.id]
        self._sweeper.sweep(is_alone=not others)

    def _is_followed(self, run_id: str) -> bool:
        return any(attempt.run.id == run_id for attempt in list(self._attempts.values()))

    def _end_within_grace(self) -> None:
        self._hand_back_at = min(self._hand_back_at, time.monotonic() + self._settings.grace)
        self._stop.set()

    def _wind_down(self) -> None:
        """Wait for what runs; from the end of the grace on, have it handed back."""
        with self._lock:  # a message that has passed it is counted in _busy
            log.info("worker %s takes no more runs; %d to end", self.id, self._busy)
        while self._busy:
            if time.monotonic() >= self._hand_back_at:
                for attempt in list(self._attempts.values()):
                    attempt.stop(Stop.HANDED_BACK)
            time.sleep(0.05)
