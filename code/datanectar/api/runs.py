"""``/api/runs``: the history, one run, cancelling it, and running it again."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.errors import BadRequest, Conflict
from datanectar.http.envelope import json_response
from datanectar.http.identity import current
from datanectar.http.request_params import request_params
from datanectar.http.serializers import accepted_data, graph_data, run_data, shortened
from datanectar.runs.store import RunFilters
from datanectar.service.rerun import rerun as run_again
from datanectar.service.service import Service
from datanectar.statuses import CANCELLED, DONE, FAILED, PENDING, RUNNING

#: The statuses that a run can have.
STATUSES = (PENDING, RUNNING, DONE, FAILED, CANCELLED)
_TEXTS = ("type", "chain", "task", "key", "backfill")
_KNOWN = (*_TEXTS, "status", "since", "until", "param", "cursor", "limit")
_RERUN_OPTIONS = ("force", "upstream")
_DEFAULT_LIMIT, _LARGEST_LIMIT = 50, 500


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/runs``."""
    routes = Blueprint("runs", __name__, url_prefix="/api/runs")

    @routes.get("")
    def history() -> Response:
        filters, cursor, limit = history_filters(request.args)
        runs, next_cursor = service.store.list_runs(filters, cursor=cursor, limit=limit)
        return json_response(
            {"runs": [run_data(shortened(run)) for run in runs], "next_cursor": next_cursor}
        )

    @routes.get("/<run_id>")
    def one(run_id: str) -> Response:
        run = service.run(run_id)
        return json_response({**run_data(run), "graph": graph_data(service.tasks(run))})

    @routes.delete("/<run_id>")
    def cancel(run_id: str) -> Response:
        run = service.cancel(run_id)
        if run.status in (DONE, FAILED):
            raise Conflict(f"Run {run.id} has ended already ({run.status}): nothing to cancel.")
        return json_response(run_data(run))

    _add_rerun(routes, service)
    return routes


def _add_rerun(routes: Blueprint, service: Service) -> None:
    @routes.post("/<run_id>/rerun")
    def rerun(run_id: str) -> Response:
        force, upstream = _rerun_options(request_params())
        if force or upstream:
            current.require_scope("admin")
        again = run_again(
            service,
            run_id,
            force=force,
            upstream=upstream,
            requested_by=current.name(),
            types=current.types(),
        )
        data = {**accepted_data(again.accepted, None), "dropped": again.dropped, "kept": again.kept}
        return json_response(data, headers={"Location": data["status_url"]})


def _rerun_options(raw: dict[str, Any]) -> tuple[bool, bool]:
    """Return ``force`` and ``upstream`` as a request has them.

    Raises:
        BadRequest: naming each that is unknown, or neither true nor false.
    """
    known = {"true": True, "false": False}
    problems = {
        name: "true or false" if name in _RERUN_OPTIONS else "unknown; there are force, upstream"
        for name, value in raw.items()
        if name not in _RERUN_OPTIONS or str(value).lower() not in known
    }
    if problems:
        listed = "; ".join(f"{name[:100]}: {why}" for name, why in problems.items())
        raise BadRequest(f"A run can't be run again like that: {listed}.", fields=problems)
    force, upstream = (known[str(raw.get(name, False)).lower()] for name in _RERUN_OPTIONS)
    return force, upstream


def history_filters(query: MultiDict[str, str]) -> tuple[RunFilters, str | None, int]:
    """Return the filters, the cursor and the page size of a query string.

    ``type``, ``chain``, ``task``, ``key``, ``backfill``, ``status``, ``since``, ``until`` (ISO 8601),
    ``param`` (``name=value``, may be repeated), ``cursor`` and ``limit``.

    Raises:
        BadRequest: naming each that can't be read.
    """
    problems = _unusable_names(query)
    values: dict[str, Any] = {name: query[name] for name in _TEXTS if name in query}
    if "status" in query:
        values["status"] = query["status"].upper()
        if values["status"] not in STATUSES:
            problems["status"] = f"one of {', '.join(STATUSES)}"
    for name in ("since", "until"):
        try:
            values[name] = _timestamp(query.get(name))
        except (ValueError, OverflowError):
            problems[name] = "an ISO 8601 time, such as 2026-06-03T12:00:00Z"
    limit = query.get("limit", str(_DEFAULT_LIMIT))
    if not (limit.isdecimal() and len(limit) < 6 and 1 <= int(limit) <= _LARGEST_LIMIT):
        problems["limit"] = f"a number from 1 to {_LARGEST_LIMIT}"
    pairs = [text.partition("=") for text in query.getlist("param")]
    if not all(separator for _, separator, _ in pairs):
        problems["param"] = "name=value"
    if problems:
        listed = "; ".join(f"{name}: {why}" for name, why in problems.items())
        raise BadRequest(f"The history can't be asked like that: {listed}.", fields=problems)
    filters = RunFilters(**values, param=_param_filter(pairs), types=current.types())
    return filters, query.get("cursor"), int(limit)


def _unusable_names(query: MultiDict[str, str]) -> dict[str, str]:
    """Return what is wrong with the names in a query string: unknown ones, and repeated ones."""
    unknown = f"unknown; there are {', '.join(_KNOWN)}"
    problems = {name: unknown for name in query if name not in _KNOWN}
    repeated = [name for name in _KNOWN if name != "param" and len(query.getlist(name)) > 1]
    return problems | dict.fromkeys(repeated, "given more than once")


def _param_filter(pairs: list[tuple[str, str, str]]) -> dict[str, str]:
    params = {name: value for name, _, value in pairs}
    if len(params) < len(pairs):
        raise BadRequest(
            "One parameter can't have two values: name each once in param.",
            fields={"param": "given more than once"},
        )
    return params


def _timestamp(text: str | None) -> float | None:
    if text is None:
        return None
    # An unescaped + arrives as a space; Python 3.10 can't read Z.
    plain = re.sub(r" (\d\d:\d\d)\Z", r"+\1", text) if "T" in text else text
    return datetime.fromisoformat(plain.replace("Z", "+00:00")).timestamp()
