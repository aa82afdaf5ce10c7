"""``/api/runs``: the history, one run, and cancelling it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.errors import BadRequest, Conflict
from datanectar.http.envelope import answer
from datanectar.http.serializers import graph_data, listed, run_data
from datanectar.runs.store import RunFilters
from datanectar.service.service import Service
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING

#: What a run can be.
STATUSES = (PENDING, RUNNING, DONE, FAILED, CANCELLED)
_TEXTS = ("type", "chain", "task", "key")
_KNOWN = (*_TEXTS, "status", "since", "until", "param", "cursor", "limit")
_DEFAULT_LIMIT, _LARGEST_LIMIT = 50, 500


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/runs``."""
    routes = Blueprint("runs", __name__, url_prefix="/api/runs")

    @routes.get("")
    def history() -> Response:
        filters, cursor, limit = asked_history(request.args)
        runs, following = service.store.list_runs(filters, cursor=cursor, limit=limit)
        return answer({"runs": [run_data(listed(run)) for run in runs], "next_cursor": following})

    @routes.get("/<run_id>")
    def one(run_id: str) -> Response:
        run = service.run(run_id)
        return answer({**run_data(run), "graph": graph_data(service.tasks(run))})

    @routes.delete("/<run_id>")
    def cancel(run_id: str) -> Response:
        run = service.cancel(run_id)
        if run.status in (DONE, FAILED):
            raise Conflict(f"Run {run.id} has ended already ({run.status}): nothing to cancel.")
        return answer(run_data(run))

    return routes


def asked_history(given: MultiDict[str, str]) -> tuple[RunFilters, str | None, int]:
    """Return the filters, the cursor and the page size that the query string spells.

    ``type``, ``chain``, ``task``, ``key``, ``status``, ``since``, ``until`` (ISO 8601), ``param``
    (``name=value``, may be repeated), ``cursor`` and ``limit``.

    Raises:
        BadRequest: naming each that can't be read.
    """
    unknown = f"unknown; there are {', '.join(_KNOWN)}"
    problems = {name: unknown for name in given if name not in _KNOWN}
    single = [name for name in _KNOWN if name != "param" and len(given.getlist(name)) > 1]
    problems |= dict.fromkeys(single, "given more than once")
    values: dict[str, Any] = {name: given[name] for name in _TEXTS if name in given}
    status = given.get("status")
    if status is not None and status.upper() not in STATUSES:
        problems["status"] = f"one of {', '.join(STATUSES)}"
    for name in ("since", "until"):
        try:
            values[name] = _stamp(given.get(name))
        except (ValueError, OverflowError):
            problems[name] = "an ISO 8601 time, such as 2026-06-03T12:00:00Z"
    limit = given.get("limit", str(_DEFAULT_LIMIT))
    if not (limit.isdecimal() and len(limit) < 6 and 1 <= int(limit) <= _LARGEST_LIMIT):
        problems["limit"] = f"a number from 1 to {_LARGEST_LIMIT}"
    pairs = [text.partition("=") for text in given.getlist("param")]
    if not all(separator for _, separator, _ in pairs):
        problems["param"] = "name=value"
    if problems:
        words = "; ".join(f"{name}: {why}" for name, why in problems.items())
        raise BadRequest(f"The history can't be asked like that: {words}.", fields=problems)
    params = {name: value for name, _, value in pairs}
    if len(params) < len(pairs):
        raise BadRequest(
            "One parameter can't have two values: name each once in param.",
            fields={"param": "given more than once"},
        )
    filters = RunFilters(**values, status=status and status.upper(), param=params)
    return filters, given.get("cursor"), int(limit)


def _stamp(text: str | None) -> float | None:
    if text is None:
        return None
    # A + that was not escaped arrives as a space; Python 3.10 does not know Z.
    plain = re.sub(r" (\d\d:\d\d)\Z", r"+\1", text) if "T" in text else text
    return datetime.fromisoformat(plain.replace("Z", "+00:00")).timestamp()
