"""How a run ends: every end goes through :func:`end_run`, and what follows from it hangs there.

It may end in any process that writes to the store: in the worker that holds it, in another one
that takes it back, in the web that cancels it while it waits or finds its result there. Register a
hook in a module that they all import, such as :mod:`datanectar.runs.tasks`::

    @before_end  # in the transaction that ends the run: all of it is committed, or nothing
    def note_end(connection: Connection, run: Run) -> None: ...

    @after_end  # once that is committed; it is not called again if the process dies meanwhile
    def notify(run: Run) -> None: ...

Hooks get the run as it ended. What a hook raises is logged and changes nothing for the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, update

from datanectar.database import Database, now, on_commit
from datanectar.messages import Outcome
from datanectar.runs.records import Run
from datanectar.runs.tables import RUN_COLUMNS, runs, to_record
from datanectar.statuses import ENDED
from datanectar.telemetry.logs import EVENTS

log = logging.getLogger(__name__)

BeforeEnd = Callable[[Connection, Run], object]
AfterEnd = Callable[[Run], object]

#: The columns of a run that no worker holds: values for a run without a lease.
NOT_HELD: dict[str, Any] = dict.fromkeys(("lease_until", "child_pid", "child_started"))

_before: list[BeforeEnd] = []
_after: list[AfterEnd] = []


def before_end(hook: BeforeEnd) -> BeforeEnd:
    """Register a hook to be called in the transaction that ends a run."""
    _before.append(hook)
    return hook


def after_end(hook: AfterEnd) -> AfterEnd:
    """Register a hook to be called once the end of a run is committed."""
    _after.append(hook)
    return hook


def end_run(database: Database, connection: Connection, run: Run, outcome: Outcome) -> Run:
    """End a run in the caller's transaction, and call the hooks.

    An ended run keeps no parameters that are private: nothing reads them any more.

    Args:
        connection: one of :meth:`Database.write`.
        run: the run as this transaction has read and locked it.
        outcome: how it ends: DONE, FAILED or CANCELLED, and why.

    Returns:
        The run as it ended.

    Raises:
        ValueError: when the outcome's status is not one that a run can end with.
    """
    if outcome.status not in ENDED:
        raise ValueError(f"A run can't end as {outcome.status!r}, only as one of {ENDED}.")
    end = update(runs).where(runs.c.id == run.id).values(
        status=outcome.status,
        error=outcome.error,
        traceback=outcome.traceback,
        failed_key=outcome.failed_key,
        finished=func.coalesce(runs.c.finished, now()),
        params=runs.c.public_params,
        **NOT_HELD,
    )  # fmt: skip
    ended = to_record(Run, connection.execute(end.returning(*RUN_COLUMNS)).mappings().one())
    for hook in _before:
        _call_before(hook, connection, ended)
    on_commit(connection, partial(_call_after, ended))
    if run.params != ended.params:
        on_commit(connection, database.forget_overwritten)
    return ended


def _call_before(hook: BeforeEnd, connection: Connection, run: Run) -> None:
    try:
        with connection.begin_nested():
            hook(connection, run)
    except Exception:
        if connection.invalidated:  # the transaction is lost, not the hook alone
            raise
        words = "run %s ends without what %r does"
        log.exception(words, run.id, hook, extra=run.log_fields)


def _call_after(run: Run) -> None:
    about = {**run.log_fields, "run_status": run.status, "error": run.error}
    EVENTS.info("run %s: %s", run.id, run.status, extra=about)
    for hook in _after:
        try:
            hook(run)
        except Exception:
            words = "run %s has ended without what %r does"
            log.exception(words, run.id, hook, extra=run.log_fields)
