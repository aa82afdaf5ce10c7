"""The workers' side of the run store: who holds a run, until when, and what it may write.

A worker that takes a run holds a lease on it and renews it by heartbeats. Every write names the
run, the attempt and the owner, and changes nothing unless all three still hold (fencing): a
worker that was given up for dead and comes back can't touch what another one has taken over.

What a worker writes about a run on its way is passing: should a power cut undo it, the run waits
again, or is held by a worker that died with the power. How a run ended is written for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Select,
    Update,
    and_,
    bindparam,
    func,
    select,
    update,
)

from datanectar.messages import Outcome, TaskReport
from datanectar.runs.database import Insert, Part, now
from datanectar.runs.records import Run
from datanectar.runs.tables import (
    RUN_COLUMNS,
    TASK_COLUMNS,
    WORKER_COLUMNS,
    WorkerRow,
    as_json,
    has_status,
    runs,
    storable,
    tasks,
    to_run,
    to_worker,
    workers,
)
from datanectar.statuses import CANCELLED, DONE, ENDED, FAILED, PENDING, RUNNING

_NO_CHILD: dict[str, Any] = {"lease_until": None, "child_pid": None, "child_started": None}
#: What an ended run no longer holds: parameters that are to be shown to nobody. Nothing reads them.
_NO_SECRETS: dict[str, Any] = {"params": runs.c.public_params}
_REPORTED = [column.name for column in TASK_COLUMNS if column.name not in ("run_id", "task_id")]


@dataclass(frozen=True)
class Held:
    """What an owner still holds, and which of those runs somebody wants cancelled."""

    run_ids: frozenset[str]
    cancelled: frozenset[str]


class Leases(Part):
    """Taking runs, keeping them, writing what becomes of them, and giving them back."""

    def claim(
        self,
        run_id: str,
        owner: str,
        lease_seconds: float,
        child_pid: int | None = None,
        child_started: float | None = None,
    ) -> Run | None:
        """Take a PENDING run: it is RUNNING now, in a new attempt, held by ``owner``.

        Args:
            owner: the worker's id.
            lease_seconds: how long it is held without a heartbeat.
            child_pid: the process that is to do it, so that what a dead worker leaves of it can
                be told from other processes and ended.
            child_started: when that process was started, a Unix stamp.

        Returns:
            The run, or None when it is not PENDING: taken, ended, or unknown.
        """
        taken = {
            "run_id": run_id,
            "owner": owner,
            "lease_seconds": lease_seconds,
            "child_pid": child_pid,
            "child_started": child_started,
        }
        with self._db.write(passing=True) as connection:
            if not connection.execute(_CLAIM, taken).rowcount:
                return None
            found = connection.execute(RUN_BY_ID, {"run_id": run_id})
            return to_run(found.mappings().one())

    def set_scheduler_reachable(
        self, run_id: str, attempt: int, owner: str, reachable: bool
    ) -> bool:
        """Note whether the run's child reaches luigid.

        Returns:
            False when the run is not this attempt's and owner's any more, as for every write here.
        """
        with self._db.write(passing=True) as connection:
            values = {**_fence(run_id, attempt, owner), "scheduler_reachable": reachable}
            return connection.execute(update(runs).where(_HELD), values).rowcount == 1

    def record(self, run_id: str, attempt: int, owner: str, reports: Sequence[TaskReport]) -> bool:
        """Write what ``reports`` say about the run's tasks; what they leave None stays as it was.

        Returns:
            False, and writes nothing, when the run is no longer held.
        """
        with self._db.write(passing=True) as connection:
            if connection.execute(_LOCK_HELD, _fence(run_id, attempt, owner)).first() is None:
                return False
            self._write_reports(connection, run_id, reports)
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

        Tasks that are still RUNNING end as the run does; in a DONE run, those that wait do too.

        Returns:
            False, and writes nothing, when the run is no longer held.

        Raises:
            ValueError: when the outcome's status is not one that a run can end with.
        """
        if outcome.status not in ENDED:
            raise ValueError(f"A run can't end as {outcome.status!r}, only as one of {ENDED}.")
        ended = {
            **_fence(run_id, attempt, owner),
            "status": outcome.status,
            "error": storable(outcome.error),
            "traceback": storable(outcome.traceback),
            "failed_key": storable(outcome.failed_key),
        }
        with self._ending(run_id) as connection:
            if not connection.execute(_FINISH, ended).rowcount:
                return False
            self._write_reports(connection, run_id, reports)
            self._stop_tasks(connection, run_id, outcome.status)
            return True

    def release(self, run_id: str, attempt: int, owner: str, reason: str) -> bool:
        """Give the run back unfinished: PENDING again, or CANCELLED if somebody asked for that.

        The run is not to blame: the attempt does not count against ``max_attempts``.

        Returns:
            False when it is no longer held.
        """
        with self._ending(run_id) as connection:
            fence = _fence(run_id, attempt, owner)
            return self._let_go(connection, _HELD, fence, reason, max_attempts=None) is not None

    def take_back(
        self, run: Run, reason: str, max_attempts: int, *, if_expired: bool = False
    ) -> str | None:
        """Take the run from an owner that was lost.

        Args:
            run: as :meth:`expired` or :meth:`held_by` gave it; a later attempt is left alone.
            reason: why, for the run's error.
            max_attempts: how many attempts a run may lose.
            if_expired: leave the run alone if its owner has sent a heartbeat in the meantime.

        Returns:
            The new status: CANCELLED if that was asked for, FAILED after the last loss, else
            PENDING. None when somebody else was faster.
        """
        held = and_(_HELD, runs.c.lease_until < now()) if if_expired else _HELD
        fence = _fence(run.id, run.attempt, run.owner)
        with self._ending(run.id) as connection:
            return self._let_go(connection, held, fence, reason, max_attempts)

    def heartbeat(self, owner: str, lease_seconds: float) -> Held:
        """Renew the leases of all runs that ``owner`` holds, and say which those are."""
        with self._db.write(passing=True) as connection:
            connection.execute(_HEARTBEAT, {"mine": owner, "lease_seconds": lease_seconds})
            rows = connection.execute(_HOLDINGS, {"mine": owner}).all()
        return Held(
            run_ids=frozenset(row.id for row in rows),
            cancelled=frozenset(row.id for row in rows if row.cancel_requested),
        )

    def request_cancel(self, run_id: str) -> Run | None:
        """Cancel a run: at once if it waits; if it runs, its owner learns by the next heartbeat.

        Returns:
            The run as it is then (one that has ended is unchanged), or None if there is none.
        """
        one = runs.c.id == run_id
        with self._ending(run_id) as connection:
            status = connection.execute(select(runs.c.status).where(one).with_for_update()).scalar()
            if status == PENDING:
                error = "Cancelled while it waited."
                ended = {"status": CANCELLED, "finished": now(), "error": error, **_NO_SECRETS}
                connection.execute(update(runs).where(one).values(ended))
            elif status == RUNNING:
                connection.execute(update(runs).where(one).values(cancel_requested=True))
            row = connection.execute(select(*RUN_COLUMNS).where(one)).mappings().first()
            return to_run(row) if row else None

    def expired(self) -> list[Run]:
        """Return the RUNNING runs whose lease has ended."""
        return self._running(_EXPIRED)

    def held_by(self, owner: str) -> list[Run]:
        """Return the RUNNING runs of ``owner``, whatever their leases say."""
        return self._running(_HELD_BY, mine=owner)

    def beat_worker(self, id: str, node: str, pid: int, pid_started: float, slots: int) -> None:
        """Note that a worker is alive now. Times are Unix stamps; ``slots``: runs at a time."""
        row = {"id": id, "node": node, "pid": pid, "pid_started": pid_started, "slots": slots}
        with self._db.write(passing=True) as connection:
            connection.execute(self._beat, row)

    def forget_worker(self, id: str) -> None:
        """Note that a worker has gone in good order."""
        with self._db.write() as connection:
            connection.execute(workers.delete().where(workers.c.id == id))

    def workers(self, node: str | None = None) -> list[WorkerRow]:
        """Return every worker that has not said goodbye, by id; see each one's heartbeat.

        Args:
            node: only this node's. Every worker asks for its own node's often.
        """
        wanted = select(*WORKER_COLUMNS).order_by(workers.c.id)
        if node is not None:
            wanted = wanted.where(workers.c.node == node)
        with self._db.read() as connection:
            return [to_worker(row) for row in connection.execute(wanted).mappings()]

    @contextmanager
    def _ending(self, run_id: str) -> Iterator[Connection]:
        """Give a connection for a write that may end the run, and with it what it alone may hold."""
        with self._db.write() as connection:
            had_secrets = connection.execute(_HAS_SECRETS, {"run_id": run_id}).first() is not None
            yield connection
        if had_secrets:
            self._db.forget_overwritten()

    def _running(self, wanted: Select[Any], **values: str) -> list[Run]:
        with self._db.read() as connection:
            return [to_run(row) for row in connection.execute(wanted, values).mappings()]

    def _let_go(
        self,
        connection: Connection,
        held: ColumnElement[bool],
        fence: dict[str, Any],
        reason: str,
        max_attempts: int | None,
    ) -> str | None:
        columns = (runs.c.id, runs.c.attempt, runs.c.handed_back, runs.c.cancel_requested)
        wanted = select(*columns).where(held)
        row = connection.execute(wanted.with_for_update(), fence).one_or_none()
        if row is None:
            return None
        if row.cancel_requested:
            status = CANCELLED
        elif max_attempts is not None and row.attempt - row.handed_back >= max_attempts:
            status = FAILED
            reason = f"{reason}, and so the last of {row.attempt} attempts was lost"
        else:
            status = PENDING
        values: dict[str, Any] = {"status": status, "error": storable(reason), **_NO_CHILD}
        if status == PENDING:
            values |= {"owner": None, "queued": now()}
            if max_attempts is None:
                values |= {"handed_back": runs.c.handed_back + 1}
        else:
            values |= {"finished": now(), **_NO_SECRETS}
        connection.execute(update(runs).where(runs.c.id == row.id).values(values))
        self._stop_tasks(connection, row.id, status)
        return status

    def _write_reports(
        self, connection: Connection, run_id: str, reports: Sequence[TaskReport]
    ) -> None:
        if reports:
            connection.execute(self._report, [_task_row(run_id, report) for report in reports])

    @cached_property
    def _report(self) -> Insert:
        insert = self._db.insert(tasks)
        kept = {name: func.coalesce(insert.excluded[name], tasks.c[name]) for name in _REPORTED}
        return insert.on_conflict_do_update(index_elements=["run_id", "task_id"], set_=kept)

    @cached_property
    def _beat(self) -> Insert:
        beat = self._db.insert(workers).values(heartbeat=now())
        renewed = {c.name: beat.excluded[c.name] for c in workers.c if not c.primary_key}
        return beat.on_conflict_do_update(index_elements=["id"], set_=renewed)

    def _stop_tasks(self, connection: Connection, run_id: str, run_status: str) -> None:
        """Let no task be RUNNING in a run that is not: it waits again, or has ended as well.

        All that a DONE run needed is there, also what assisting workers had no time to report.
        """
        connection.execute(_STOP_TASKS[run_status], {"of_run": run_id})


def _fence(run_id: str, attempt: int, owner: str | None) -> dict[str, Any]:
    """Return what :data:`_HELD` asks for."""
    return {"held_id": run_id, "held_attempt": attempt, "held_owner": owner}


def _stopping_tasks(run_status: str) -> Update:
    unended = (RUNNING, PENDING) if run_status == DONE else (RUNNING,)
    which = and_(tasks.c.run_id == bindparam("of_run"), tasks.c.status.in_(unended))
    if run_status == PENDING:
        return update(tasks).where(which).values(status=PENDING, started=None)
    return update(tasks).where(which).values(status=run_status, finished=now())


def _task_row(run_id: str, report: TaskReport) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "task_id": storable(report.task_id),
        "key": storable(report.key),
        "family": storable(report.family),
        "status": report.status,
        "requires": None if report.requires is None else as_json(report.requires),
        "started": report.started,
        "finished": report.finished,
        "error": storable(report.error),
        "progress": report.progress,
        "message": storable(report.message),
        "tracking_url": storable(report.tracking_url),
        "log_number": report.log_number,
        "storage": storable(report.storage),
        "output": storable(report.output),
        "results": None if report.results is None else as_json(report.results),
        "traceback": storable(report.traceback),
    }


# No parameter may be named as a column is: those names are for what is SET.
_LEASE = now() + bindparam("lease_seconds", type_=Double)
_HELD = and_(
    runs.c.id == bindparam("held_id"),
    runs.c.attempt == bindparam("held_attempt"),
    runs.c.owner == bindparam("held_owner"),
    has_status(RUNNING),
)
_LOCK_HELD = select(runs.c.id).where(_HELD).with_for_update()
_CLAIM = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"), runs.c.status == PENDING)
    .values(
        status=RUNNING,
        attempt=runs.c.attempt + 1,
        lease_until=_LEASE,
        started=func.coalesce(runs.c.started, now()),
        scheduler_reachable=True,
        **dict.fromkeys(("error", "traceback", "failed_key")),
    )
)
RUN_BY_ID = select(*RUN_COLUMNS).where(runs.c.id == bindparam("run_id"))
_FINISH = update(runs).where(_HELD).values(finished=now(), **_NO_CHILD, **_NO_SECRETS)
_HAS_SECRETS = (
    select(runs.c.id)
    .where(runs.c.id == bindparam("run_id"), runs.c.params != runs.c.public_params)
    .where(has_status(PENDING, RUNNING))
)
_STOP_TASKS = {status: _stopping_tasks(status) for status in (PENDING, *ENDED)}
_MINE = and_(has_status(RUNNING), runs.c.owner == bindparam("mine"))
_HEARTBEAT = update(runs).where(_MINE).values(lease_until=_LEASE)
_HOLDINGS = select(runs.c.id, runs.c.cancel_requested).where(_MINE)
_HELD_BY = select(*RUN_COLUMNS).where(_MINE).order_by(runs.c.id)
_EXPIRED = (
    select(*RUN_COLUMNS).where(has_status(RUNNING), runs.c.lease_until < now()).order_by(runs.c.id)
)
