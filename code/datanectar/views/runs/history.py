"""``/history``: the runs, filtered, newest first; many at once are run again, cancelled, or saved as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.api.runs import STATUSES
from datanectar.errors import BadRequest, Unavailable
from datanectar.http.envelope import iso_time
from datanectar.http.identity import current
from datanectar.messages import ChainDescription
from datanectar.runs.records import Run
from datanectar.service.service import Service
from datanectar.views.live import live_events, live_page
from datanectar.views.pages import page
from datanectar.views.runs.bulk import bulk
from datanectar.views.runs.history_filters import address, chips, run_filters, shown_filters

#: The most names that the form suggests, of chains and of tasks each.
_SUGGESTED = 200
_FIELDS = {"status", "type", "chain", "task", "backfill", "param", "since", "until", "zone"}
#: The most runs in a CSV file, and how many are read at a time.
_MOST_ROWS, _ROWS_AT_A_TIME = 100_000, 500
_COLUMNS = (
    "id", "type", "chain", "task", "status", "created", "started", "finished", "seconds", "attempts",
    "trigger", "parameters", "key", "error",
)  # fmt: skip


def blueprint(service: Service) -> Blueprint:
    """Return the page, the stream of what changes in it, its CSV file, and its buttons' target."""
    routes = Blueprint("history_page", __name__)

    @routes.get("/history")
    def history() -> Response:
        return _page(service, shown_filters())

    @routes.get("/history/events")
    def events() -> Response:
        shown = shown_filters()
        shown.poplist("seen")
        return live_events("history_parts.html", lambda: _live_values(service, shown))

    @routes.get("/history.csv")
    def table() -> Response:
        filters, _, _ = run_filters(shown_filters())
        headers = {"Content-Disposition": 'attachment; filename="runs.csv"'}
        return Response(_csv(service, filters), mimetype="text/csv", headers=headers)

    @routes.post("/history")
    def change() -> Response:
        return bulk(service, request.form)

    return routes


def _page(service: Service, shown: MultiDict[str, str]) -> Response:
    chains = _known_chains(service)
    form = {
        "chips": chips(shown),
        "statuses": STATUSES,
        "types": sorted({chain.type for chain in chains}),
        "chains": sorted({chain.name for chain in chains})[:_SUGGESTED],
        "tasks": sorted({task.name for chain in chains for task in chain.tasks})[:_SUGGESTED],
    }
    try:
        values = _live_values(service, shown)
    except BadRequest as problem:
        beside = bool(_FIELDS & problem.fields.keys())
        refused = {"asked": shown, "problem": problem, "beside_a_field": beside}
        return page("history.html", status=problem.status, **form, **refused)
    own = "" if shown.get("cursor") else address(shown, "/history/events")
    return live_page("history.html", "history_parts.html", values, stream=own, **form)


def _live_values(service: Service, shown: MultiDict[str, str]) -> dict[str, Any]:
    filters, cursor, limit = run_filters(shown)
    runs, older = service.store.list_runs(filters, cursor=cursor, limit=limit)
    return {
        "asked": shown,
        "runs": runs,
        "totals": service.store.status_counts(filters),
        "of_status": {status: address(shown, status=status.lower()) for status in STATUSES},
        "newest": address(shown),
        "older": address(shown, cursor=older) if older else "",
        "csv": address(shown, "/history.csv"),
    }


def _known_chains(service: Service) -> list[ChainDescription]:
    """Return the chains without waiting for any: here they are only suggestions."""
    try:
        return current.visible(service.catalog.chains(0))
    except Unavailable:
        return []


def _csv(service: Service, filters: Any) -> Iterator[str]:
    """Yield the lines of the file, a page of runs at a time."""
    yield _lines([_COLUMNS])
    cursor: str | None = None
    for _ in range(_MOST_ROWS // _ROWS_AT_A_TIME):
        runs, cursor = service.store.list_runs(filters, cursor=cursor, limit=_ROWS_AT_A_TIME)
        yield _lines([_row(run) for run in runs])
        if cursor is None:
            return


def _row(run: Run) -> tuple[Any, ...]:
    times = [iso_time(stamp) for stamp in (run.created, run.started, run.finished)]
    seconds = round(run.finished - run.started, 3) if run.started and run.finished else ""
    parameters = json.dumps(run.public_params, ensure_ascii=False)
    # A spreadsheet would take an error that begins so for a formula.
    error = f"'{run.error}" if run.error and run.error[0] in "=+-@\t\r" else run.error
    names = (run.id, run.type, run.chain, run.task, run.status, *times, seconds, run.attempt)
    return (*names, run.trigger, parameters, run.key, error)


def _lines(rows: list[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
