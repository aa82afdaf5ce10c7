"""What webhooks are told of, as events: a run's end, a schedule that was missed, a lost worker."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection

from datanectar.notifications.outbox import put
from datanectar.notifications.records import (
    RUN_ENDED,
    SCHEDULE_MISSED,
    TEST,
    WORKER_LOST,
    Event,
)
from datanectar.runs.events import before_end
from datanectar.runs.ids import new_id
from datanectar.runs.records import Run, WorkerRow

#: Characters that an event has of a parameter and of an error at most, and of all parameters.
_LONGEST_VALUE, _LONGEST_ERROR, _MOST_PARAMETERS = 1000, 4000, 30_000
_IDS = uuid.UUID("6f1c7e0e-6b55-4c5e-9d0f-3d0a5b1c2e47")


@before_end
def put_run_end(connection: Connection, run: Run) -> None:
    """Tell, in the transaction that ends a run, who asks for it."""
    put(connection, lambda: run_ended(run))


def run_ended(run: Run) -> Event:
    """Return the event of a run's end."""
    data = {
        "run_id": run.id,
        "type": run.type,
        "chain": run.chain,
        "task": run.task,
        "key": run.key,
        "job_status": run.status,
        "parameters": _bounded(run.public_params),
        "trigger": run.trigger,
        "requested_by": run.requested_by,
        "attempts": run.attempt,
        "created": iso_time(run.created),
        "started": iso_time(run.started),
        "finished": iso_time(run.finished),
        "error": _cut(run.error, _LONGEST_ERROR),
        "failed_key": run.failed_key if run.status == "FAILED" else None,
    }
    subject, ended = f"{run.type}/{run.chain}/{run.task}", run.finished or time.time()
    return Event(_id(RUN_ENDED, run.id), RUN_ENDED, subject, ended, f"/runs/{run.id}", data)


def schedule_missed(path: str, schedule: str, due: float, reason: str) -> Event:
    """Return the event that a schedule was missed.

    Args:
        path: its task, ``type/chain/Task``.
        schedule: the schedule's name; one that has other times is another.
        due: the time for which no run was started; of several the last.
        reason: why.
    """
    type, chain, task = path.split("/")
    data = {
        "type": type,
        "chain": chain,
        "task": task,
        "due": iso_time(due),
        "error": _cut(reason, _LONGEST_ERROR),
    }
    name = SCHEDULE_MISSED
    return Event(_id(name, schedule, str(due)), name, path, time.time(), "/schedules", data)


def worker_lost(worker: WorkerRow, reason: str) -> Event:
    """Return the event that a worker is gone without having said so."""
    data = {
        "worker": worker.id,
        "last_heartbeat": iso_time(worker.heartbeat),
        "error": _cut(reason, _LONGEST_ERROR),
    }
    seen = _id(WORKER_LOST, worker.id, str(worker.heartbeat))
    return Event(seen, WORKER_LOST, worker.id, time.time(), "/workers", data)


def trial(webhook: str, asked_by: str | None) -> Event:
    """Return an event to try a webhook with."""
    data = {"webhook": webhook, "requested_by": asked_by}
    return Event(_id(TEST, new_id()), TEST, webhook, time.time(), "/webhooks", data)


def iso_time(stamp: float | None) -> str | None:
    """Return a Unix stamp as a time of RFC 3339 in UTC."""
    if stamp is None:
        return None
    return datetime.fromtimestamp(stamp, timezone.utc).isoformat(timespec="milliseconds")


def _id(*words: str) -> str:
    return str(uuid.uuid5(_IDS, " ".join(words)))


def _cut(text: str | None, longest: int) -> str | None:
    return text if text is None or len(text) <= longest else f"{text[: longest - 3]}..."


def _bounded(params: dict[str, str]) -> dict[str, Any]:
    """Return the parameters, each cut to what an event has of it; none when these are too many."""
    cut = {name: _cut(text, _LONGEST_VALUE) for name, text in params.items()}
    return cut if len(json.dumps(cut)) <= _MOST_PARAMETERS else {}
