"""One attempt at a run: its child gets the job, is followed to its end, and the end is recorded."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from datanectar.attempt_files import attempt_folder, clear
from datanectar.engines.messages import AttemptLost
from datanectar.errors import DatanectarError
from datanectar.forkserver.handle import Handle
from datanectar.log_uploader import LogUploader
from datanectar.luigid.names import worker_id
from datanectar.messages import ErrorSeen, Outcome, Refusal, RunJob, SchedulerReport, TaskReport
from datanectar.messages.fields import Message
from datanectar.reasons import oom_kills
from datanectar.runs.records import Run
from datanectar.service.service import Service
from datanectar.statuses import CANCELLED, FAILED, PENDING
from datanectar.storage.registry import is_in_reach
from datanectar.telemetry import traces
from datanectar.telemetry.counts import count_error
from datanectar.worker.end_reason import Stop, ask_to_end, reason_of_child, write_reason
from datanectar.worker.lease import Lease
from datanectar.worker.task_graph import MOST_TASKS, TaskGraph
from datanectar.worker.telemetry.task_changes import note_change

log = logging.getLogger(__name__)

#: Seconds between two looks at limits while a child reports nothing, and between two writes of
#: what it reports.
_INTERVAL = 0.25
#: Seconds that the end of an attempt waits for its logs to be uploaded: whoever sees the end wants
#: to read them.
_LAST_UPLOAD = 10.0
#: Seconds at most, and no more than DATANECTAR_GRACE, for the threads and exit handlers of a child
#: that has reported its outcome.
_CHILD_EXIT = 10.0
#: Ends for which the tasks get DATANECTAR_KILL_AFTER to clean up.
_ASKED_FIRST = (Stop.CANCELLED, Stop.TIME_LIMIT)


class Attempt:
    """An attempt at a run that this worker holds.

    One thread calls :meth:`follow`; any other may call :meth:`stop` meanwhile.

    Args:
        run: the run as it was claimed.
        service: the parts that the worker works with.
        lease: the worker's.
        is_apart: whether the child has a fork server of its own. If that is lost, the run is to
            blame; a shared one may have been killed by another run.
    """

    assistant = 0

    def __init__(self, run: Run, service: Service, lease: Lease, *, is_apart: bool = False) -> None:
        settings = service.settings
        self.run = run
        self.fence = (run.id, run.attempt, run.owner or "")
        self._lease = lease
        self._is_apart = is_apart
        self._settings = settings
        self._store = service.store
        self._luigid = service.luigid
        self._graph = TaskGraph(on_change=partial(note_change, run))
        self._has_overflowed = False
        self._stop: Stop | None = None
        self._is_leaving = False
        self._error = ""
        self._oom_kills = oom_kills()
        self._limit = settings.run_timeout if run.run_timeout is None else run.run_timeout
        self.attempt_dir = attempt_folder(settings.state, run.id, run.attempt, self.assistant)
        self._uploader = LogUploader(
            service.children, self.attempt_dir, settings.log_ship_interval, run.storage
        )

    def stop(self, why: Stop) -> None:
        """End the attempt soon. The first reason counts, unless the run is another's or cancelled."""
        if self._stop is None or why in (Stop.CANCELLED, Stop.SUPERSEDED):
            self._stop = why
        self._is_leaving |= why is Stop.HANDED_BACK

    def follow(self, child: Handle) -> bool:
        """Give the child its job, follow it to its end, and record that.

        The child has ended when this returns or raises: the run may then be another worker's.

        Returns:
            Whether the run is PENDING again, and needs a message.
        """
        try:
            outcome = self._send_job(child)
            is_pending = self._settle(child, outcome)
            if outcome is not None and self._stop is None:
                child.wait_end(min(self._settings.grace, _CHILD_EXIT))
            return is_pending
        except BaseException:
            child.kill()
            child.wait_end()
            raise
        finally:
            child.close()
            self._clean_up()

    def _send_job(self, child: Handle) -> Outcome | None:
        """Have the child do its job; return what it reports as its outcome, if it does."""
        run = self.run
        shared = {
            name: getattr(run, name) for name in RunJob.__struct_fields__ if hasattr(run, name)
        }
        own: dict[str, Any] = {"attempt_dir": str(self.attempt_dir), "assistant": self.assistant}
        own["traceparent"] = traces.current().traceparent
        try:
            child.send(RunJob(run_id=run.id, **{**shared, **own}))
            return self._read_reports(child)
        except BrokenPipeError:
            return None
        except Exception as problem:
            log.exception("run %s: its supervision failed", run.id)
            self._error = f"{Stop.ERROR.value} ({type(problem).__name__}: {problem})"[:500]
            self.stop(Stop.ERROR)
            child.kill()
            return None

    def _read_reports(self, child: Handle) -> Outcome | None:
        """Record reports until the child's outcome comes, the child ends, or it has to be killed."""
        began = stored = time.monotonic()
        with contextlib.suppress(EOFError):
            while True:
                for message in child.reports(_INTERVAL):
                    if isinstance(message, Outcome):
                        return message
                    if isinstance(message, AttemptLost):
                        self._error = message.reason[:500]
                        self.stop(Stop.ERROR)
                    if isinstance(message, Refusal):
                        return Outcome(FAILED, message.message, failed_key=self.run.key)
                    self._note(message)
                if time.monotonic() - stored > _INTERVAL:
                    self._store_changes()
                    stored = time.monotonic()
                if self._limit and time.monotonic() - began > self._limit:
                    self.stop(Stop.TIME_LIMIT)
                self._stop_if_lease_ended()
                if self._stop:
                    self._end_child(child)
                    return None
                self._uploader.upload_if_due()
        return None

    def _end_child(self, child: Handle) -> None:
        """Kill the child. One whose run is cancelled or out of time is asked first.

        What it reports then is ignored: to the store, its tasks run until they are stopped.

        Raises:
            EOFError: when it has ended by itself.
        """
        if self._stop in _ASKED_FIRST:
            kill_at = time.monotonic() + self._settings.kill_after
            ask_to_end(child)
            while self._may_go_on and time.monotonic() < kill_at:
                list(child.reports(_INTERVAL))
        child.kill()

    @property
    def _may_go_on(self) -> bool:
        """Whether the tasks may clean up: no other worker has the run, or will."""
        return self._stop in _ASKED_FIRST and not self._lease.is_over

    def _note(self, message: Message) -> None:
        if isinstance(message, TaskReport):
            if message.storage and not is_in_reach(message.storage, self.run.storage):
                return  # of a store that no task of this run writes to
            if not self._graph.add(message) and not self._has_overflowed:
                self._has_overflowed = True
                log.warning(
                    "run %s reports more than %d tasks, or too much about them: its graph leaves "
                    "the rest out",
                    self.run.id,
                    MOST_TASKS,
                )
        elif isinstance(message, ErrorSeen):
            count_error(message.part, message.kind)
        elif isinstance(message, SchedulerReport):
            with contextlib.suppress(DatanectarError):
                self._store.set_scheduler_reachable(*self.fence, message.reachable)

    def _store_changes(self) -> None:
        changed = self._graph.take_changed()
        if not changed:
            return
        try:
            if not self._store.record(*self.fence, changed):
                self.stop(Stop.SUPERSEDED)
        except DatanectarError as problem:
            log.warning("run %s: %s", self.run.id, problem.message)
            self._graph.put_back(changed)

    def _stop_if_lease_ended(self) -> None:
        """Stop what another host may be starting again: the store was away too long."""
        if self._lease.is_over:
            self.stop(Stop.LEASE_ENDED)

    def _settle(self, child: Handle, outcome: Outcome | None) -> bool:
        """Record the end of the attempt; return whether the run is PENDING again."""
        if outcome is not None:
            self._uploader.upload_now(_LAST_UPLOAD)
            self._finish(outcome)
            return False
        child.wait_end()
        self._stop_if_lease_ended()
        reason = self._reason(child)
        if self._stop is Stop.SUPERSEDED or not self._is_held():
            self._stop = Stop.SUPERSEDED  # logs, luigid and the store are the other worker's by now
            return False
        self._end_luigi_worker(reason)
        write_reason(reason, self.run, self._graph, self.attempt_dir, self._settings.local_targets)
        self._uploader.upload_now(_LAST_UPLOAD)  # before another attempt uploads its log there
        return self._end_without_outcome(child, reason)

    def _end_without_outcome(self, child: Handle, reason: str) -> bool:
        """Release the run, take it back, or end it; return whether it is PENDING again."""
        is_blameless = self._stop is None and child.is_lost and not self._is_apart
        if is_blameless or self._stop in (Stop.HANDED_BACK, Stop.LEASE_ENDED):
            return self._persist(partial(self._store.release, *self.fence, reason))
        if self._stop is Stop.ERROR or (self._stop is None and child.was_killed):
            return self._take_back(reason)
        if self._stop is Stop.CANCELLED:
            self._finish(Outcome(CANCELLED, reason))
        else:
            self._finish(Outcome(FAILED, reason, failed_key=self._failed_key()))
        return False

    def _reason(self, child: Handle) -> str:
        if self._stop is Stop.TIME_LIMIT:
            return f"{self._stop.value} of {self._limit:g} s"
        if self._stop is not None:
            return self._error if self._stop is Stop.ERROR else self._stop.value
        return reason_of_child(child, self._oom_kills)

    def _is_held(self) -> bool:
        return self._persist(partial(self._store.record, *self.fence, []))

    def _take_back(self, reason: str) -> bool:
        take_back = partial(
            self._store.take_back,
            self.run,
            reason,
            self._settings.max_attempts,
            failed_key=self._failed_key(),
            reports=self._graph.take_changed(),
        )
        return self._persist(lambda: take_back() == PENDING)

    def _finish(self, outcome: Outcome) -> None:
        changed = self._graph.take_changed()
        self._persist(partial(self._store.finish, *self.fence, outcome, changed))

    def _persist(self, write: Callable[[], bool]) -> bool:
        """Write to the store; try again as long as it is away. Return what the write returns.

        Nothing else could be started meanwhile, and a write that comes too late changes nothing. A
        worker that is stopping gives up after a while: another one takes the run back.
        """
        deadline = time.monotonic() + self._settings.heartbeat_timeout
        while True:
            try:
                return write()
            except DatanectarError as problem:
                log.warning("run %s: %s", self.run.id, problem.message)
                if self._is_leaving and time.monotonic() > deadline:
                    return False
                time.sleep(0.5)

    def _failed_key(self) -> str:
        keys = [task.key for task in self._graph.running() if task.key]
        return keys[0] if keys else self.run.key

    def _end_luigi_worker(self, reason: str) -> None:
        """Have luigid show no task as RUNNING that this attempt ran."""
        with contextlib.suppress(OSError):
            self._luigid.end_worker(worker_id(self.run.id, self.assistant), reason)

    def _clean_up(self) -> None:
        """Upload the rest of the logs and remove the attempt's files."""
        try:
            if self._stop is not Stop.SUPERSEDED:  # whose log would be overwritten
                self._uploader.finish()
            clear(self.attempt_dir)
        except Exception:
            log.exception("run %s: the files of its attempt are left", self.run.id)
