"""An attempt in the log and in the trace of its run: when it began, and how its run ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from datanectar.runs.events import after_end
from datanectar.runs.records import Run
from datanectar.statuses import FAILED
from datanectar.telemetry import traces
from datanectar.telemetry.context import log_context
from datanectar.telemetry.logs import EVENTS


@contextlib.contextmanager
def attempt_followed(run: Run, assistant: int) -> Iterator[None]:
    """Have the block's log lines name the run, and its time be a span of the run's trace.

    Args:
        run: the run as it was claimed.
        assistant: which of the run's assistants this is; 0: none.
    """
    path = f"{run.type}/{run.chain}/{run.task}"
    about = {
        "datanectar.run.id": run.id,
        "datanectar.run.attempt": run.attempt,
        "datanectar.run.key": run.key,
        "datanectar.run.assistant": assistant or None,
    }
    if run.attempt == 1 and not assistant and run.started is not None:
        traces.send_ended(
            "queue", about, began=run.created, ended=run.started, parent=run.traceparent
        )
    with (
        log_context(**run.log_fields, assistant=assistant or None),
        traces.span(f"attempt {path}", about, kind="consumer", parent=run.traceparent),
    ):
        EVENTS.info("run %s: attempt %d begins", run.id, run.attempt)
        yield


@after_end
def note_end(run: Run) -> None:
    """Note in the attempt's span how its run has ended."""
    span = traces.current()
    span.note({"datanectar.run.status": run.status})
    if run.status == FAILED:
        span.fail(run.error or FAILED)
