"""The workers' side of the run store: who holds a run, until when, and what it may write.

A worker that claims a run holds a lease on it and renews it by heartbeats. Every write names the
run, the attempt and the owner, and changes nothing unless all three still hold (fencing): a worker
that was given up as lost and comes back can't write to a run that another one has claimed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, update

from datanectar.database import now, on_commit
from datanectar.messages import Outcome, TaskReport
from datanectar.runs.events import NOT_HELD, end_run
from datanectar.runs.records import Run, WorkerRow
from datanectar.runs.tables import (
    RUN_COLUMNS,
    WORKER_COLUMNS,
    StoreBase,
    has_status,
    runs,
    to_record,
    workers,
)
from datanectar.runs.tasks import requeue_tasks, write_reports
from datanectar.statuses import CANCELLED, FAILED, PENDING, RUNNING
from datanectar.telemetry.counts import ATTEMPTS_LOST, count


class Leases(StoreBase):
    """Claiming runs, keeping them, writing what becomes of them, and giving them back."""

    def claim(
        self,
        run_id: str,
        owner: str,
        lease_seconds: float,
        child_pid: int | None = None,
        child_started: float | None = None,
    ) -> Run | None:
        """Claim a PENDING run: it is RUNNING now, in a new attempt, held by ``owner``.

        Args:
            owner: the worker's id.
            lease_seconds: how long it is held without a heartbeat.
            child_pid: the process that is to do it; if the worker dies, the process is found by
                this and its start, and killed.
            child_started: when that process was started, a Unix stamp.

        Returns:
            The run, or None when it is not PENDING: claimed, ended, or unknown.
        """
        claim = update(runs).where(runs.c.id == run_id, has_status(PENDING)).values(
            status=RUNNING,
            attempt=runs.c.attempt + 1,
            owner=owner,
            lease_until=now() + lease_seconds,
            child_pid=child_pid,
            child_started=child_started,
            started=func.coalesce(runs.c.started, now()),
            scheduler_reachable=True,
            error=None,
            traceback=None,
            failed_key=None,
        )  # fmt: skip
        with self._db.write() as connection:
            row = connection.execute(claim.returning(*RUN_COLUMNS)).mappings().first()
            return to_record(Run, row) if row else None

    def heartbeat(self, owner: str, lease_seconds: float) -> dict[str, bool]:
        """Renew the leases of all runs that ``owner`` holds.

        Returns:
            The ids of those runs, and whether each is to be cancelled.
        """
        renewal = update(runs).where(_held_by(owner)).values(lease_until=now() + lease_seconds)
        renewed = renewal.returning(runs.c.id, runs.c.cancel_requested)
        with self._db.write() as connection:
            return {row.id: row.cancel_requested for row in connection.execute(renewed)}

    def set_scheduler_reachable(
        self, run_id: str, attempt: int, owner: str, reachable: bool
    ) -> bool:
        """Note whether the run's child reaches luigid.

        Returns:
            False when the run is not held by this attempt and owner, as for every write here.
        """
        held = update(runs).where(_held(run_id, attempt, owner))
        with self._db.write() as connection:
            return connection.execute(held.values(scheduler_reachable=reachable)).rowcount == 1

    def record(self, run_id: str, attempt: int, owner: str, reports: Sequence[TaskReport]) -> bool:
        """Write reports of the run's tasks; a field that is None changes nothing.

        Returns:
            False, and writes nothing, when the run is no longer held.
        """
        with self._db.write() as connection:
            if _lock(connection, _held(run_id, attempt, owner)) is None:
                return False
            write_reports(self._db, connection, run_id, reports)
            return True

    def finish(
        self,
        run_id: str,
        attempt: int,
        owner: str,
        outcome: Outcome,
        reports: Sequence[TaskReport] = (),
    ) -> bool:
        """End the run as ``outcome`` says, with the last reports, in one transaction.

        Returns:
            False, and writes nothing, when the run is no longer held.

        Raises:
            ValueError: when the outcome's status is not one that a run can end with.
        """
        with self._db.write() as connection:
            run = _lock(connection, _held(run_id, attempt, owner))
            if run is None:
                return False
            write_reports(self._db, connection, run_id, reports)
            end_run(self._db, connection, run, outcome)
            return True

    def release(self, run_id: str, attempt: int, owner: str, reason: str) -> bool:
        """Give the run back unfinished: PENDING again, or CANCELLED if that was requested.

        The run is not to blame: the attempt does not count against ``max_attempts``.

        Returns:
            False when it is no longer held.
        """
        with self._db.write() as connection:
            run = _lock(connection, _held(run_id, attempt, owner))
            if run is None:
                return False
            self._let_go(connection, run, reason, handed_back=run.handed_back + 1)
            return True

    def take_back(
        self,
        run: Run,
        reason: str,
        max_attempts: int,
        *,
        if_expired: bool = False,
        failed_key: str | None = None,
        reports: Sequence[TaskReport] = (),
    ) -> str | None:
        """Account for an attempt that was lost.

        Args:
            run: as it was when it was lost; a later attempt is left alone.
            reason: why, for the run's error.
            max_attempts: how many attempts a run may lose.
            if_expired: leave the run alone if its owner has sent a heartbeat in the meantime.
            failed_key: the key of the task that it was at, for a run that has lost its last attempt.
            reports: what is known of its tasks.

        Returns:
            The new status: CANCELLED if that was requested, FAILED after the last loss, else
            PENDING. None when the run is no longer held.
        """
        held = _held(run.id, run.attempt, run.owner)
        with self._db.write() as connection:
            found = _lock(connection, and_(held, _EXPIRED) if if_expired else held)
            if found is None:
                return None
            path = (run.type, run.chain, run.task)
            on_commit(connection, partial(count, ATTEMPTS_LOST, *path))
            write_reports(self._db, connection, run.id, reports)
            if found.cancel_requested or found.losses < max_attempts:
                return self._let_go(connection, found, reason)
            reason = f"{reason}, and so the last of {run.attempt} attempts was lost"
            outcome = Outcome(FAILED, reason, failed_key=failed_key)
            return end_run(self._db, connection, found, outcome).status

    def expired(self) -> list[Run]:
        """Return the RUNNING runs whose lease has ended."""
        return self._runs(_RUN.where(has_status(RUNNING), _EXPIRED))

    def held_by(self, owner: str) -> list[Run]:
        """Return the RUNNING runs of ``owner``, with a valid lease or without."""
        return self._runs(_RUN.where(_held_by(owner)))

    def beat_worker(
        self, id: str, node: str, pid: int, pid_started: float, slots: int, version: str = ""
    ) -> bool:
        """Note that a worker is alive now. Times are Unix stamps; ``slots``: runs at a time.

        Returns:
            Whether it has been told to drain.
        """
        now_is = {"pid": pid, "pid_started": pid_started, "slots": slots, "heartbeat": now()}
        new = self._db.insert(workers).values(
            id=id, node=node, version=version, draining=False, **now_is
        )
        beat = new.on_conflict_do_update(index_elements=["id"], set_=now_is)
        with self._db.write() as connection:
            return bool(connection.execute(beat.returning(workers.c.draining)).scalar())

    def drain_worker(self, id: str) -> None:
        """Tell a worker to take no more runs, and to end when those that it has have ended."""
        with self._db.write() as connection:
            connection.execute(update(workers).where(workers.c.id == id).values(draining=True))

    def forget_worker(self, id: str) -> bool:
        """Remove a worker from the list: it has stopped, or is lost. Return whether it was there."""
        with self._db.write() as connection:
            return connection.execute(workers.delete().where(workers.c.id == id)).rowcount == 1

    def workers(self, node: str | None = None) -> list[WorkerRow]:
        """Return the workers, by id; their heartbeats tell which are alive.

        Args:
            node: only this node's. Every worker asks for its own node's often.
        """
        query = select(*WORKER_COLUMNS).order_by(workers.c.id)
        if node is not None:
            query = query.where(workers.c.node == node)
        with self._db.read() as connection:
            return [to_record(WorkerRow, row) for row in connection.execute(query).mappings()]

    def living_workers(self, timeout: float) -> list[WorkerRow]:
        """Return the workers whose last heartbeat is at most ``timeout`` seconds ago."""
        oldest = time.time() - timeout
        return [worker for worker in self.workers() if worker.heartbeat >= oldest]

    def _runs(self, query: Select[Any]) -> list[Run]:
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(runs.c.id)).mappings()
            return [to_record(Run, row) for row in rows]

    def _let_go(self, connection: Connection, run: Run, reason: str, **more: Any) -> str:
        """Queue a run again, or cancel it if that was requested; return its new status."""
        if run.cancel_requested:
            return end_run(self._db, connection, run, Outcome(CANCELLED, reason)).status
        queued = {"status": PENDING, "owner": None, "error": reason, "queued": now(), **more}
        connection.execute(update(runs).where(runs.c.id == run.id).values(**queued, **NOT_HELD))
        requeue_tasks(connection, run.id)
        return PENDING


_RUN = select(*RUN_COLUMNS)
_EXPIRED = runs.c.lease_until < now()


def _held(run_id: str, attempt: int, owner: str | None) -> ColumnElement[bool]:
    """Return the fence: the condition that the run is held by this attempt and owner."""
    return and_(runs.c.id == run_id, runs.c.attempt == attempt, _held_by(owner))


def _held_by(owner: str | None) -> ColumnElement[bool]:
    return and_(has_status(RUNNING), runs.c.owner == owner)


def _lock(connection: Connection, condition: ColumnElement[bool]) -> Run | None:
    """Return the run that meets the condition, and lock it for this transaction."""
    row = connection.execute(_RUN.where(condition).with_for_update()).mappings().first()
    return to_record(Run, row) if row else None
