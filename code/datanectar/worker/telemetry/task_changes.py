"""The tasks of an attempt in the log and in the trace: when each began, and how it ended."""

from __future__ import annotations

from datanectar.keys import parse_key
from datanectar.messages import TaskReport
from datanectar.runs.records import Run
from datanectar.statuses import DONE, FAILED, RUNNING
from datanectar.telemetry import traces
from datanectar.telemetry.logs import EVENTS
from datanectar.telemetry.traceparent import of_task
from datanectar.worker.telemetry.usage import note_usage


def note_change(run: Run, known: TaskReport | None, task: TaskReport) -> None:
    """Log that a task has begun or ended, send the span of one that has ended, count what it took.

    Args:
        run: the run that it is of.
        known: what was known of it.
        task: what is known now.
    """
    note_usage(run, known, task)
    before = known.status if known is not None else None
    has_run = task.status in (DONE, FAILED) and task.started is not None
    if task.status == before or not (has_run or task.status == RUNNING):
        return
    EVENTS.info("task %s: %s", task.task_id, task.status, extra=_fields(task))
    if has_run:
        _send_span(task)


def _fields(task: TaskReport) -> dict[str, object]:
    fields = {
        "task": _name(task),
        "task_id": task.task_id,
        "task_status": task.status,
        "key": task.key,
        "runs_on": task.runs_on,
    }
    if task.status == FAILED:
        fields["error"] = task.error
    return {name: value for name, value in fields.items() if value is not None}


def _name(task: TaskReport) -> str:
    """Return what all tasks of a class are called: ``type/chain/Task``, or the family."""
    return parse_key(task.key).path if task.key else task.family or "?"


def _send_span(task: TaskReport) -> None:
    about = {
        "datanectar.task.id": task.task_id,
        "datanectar.task.key": task.key,
        "datanectar.task.status": task.status,
        "datanectar.task.runs_on": task.runs_on,
    }
    attempt = traces.current().traceparent
    traces.send_ended(
        f"task {_name(task)}",
        about,
        began=task.started or 0.0,
        ended=task.finished,
        parent=attempt,
        own=of_task(attempt, task.task_id),
        error=(task.error or FAILED) if task.status == FAILED else None,
    )
