"""``/history``: the runs, filtered, newest first."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import datetime, timezone
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from datanectar.api.runs import STATUSES, history_filters
from datanectar.errors import BadRequest, Unavailable
from datanectar.messages import ChainDescription
from datanectar.runs.records import Run
from datanectar.runs.store import RunFilters
from datanectar.service.service import Service
from datanectar.views.pages import page

#: The most names that the form suggests, of chains and of tasks each.
_SUGGESTED = 200
_FIELDS = {"status", "type", "chain", "task", "backfill", "param", "since", "until", "zone"}


def blueprint(service: Service) -> Blueprint:
    """Return the page."""
    routes = Blueprint("history_page", __name__)

    @routes.get("/history")
    def history() -> Response:
        filters_shown = _filters()
        problem: BadRequest | None = None
        runs: list[Run] = []
        next_cursor = None
        try:
            filters, cursor, limit = history_filters(_with_offsets(filters_shown))
            filters = _by_parts(filters)
            runs, next_cursor = service.store.list_runs(filters, cursor=cursor, limit=limit)
        except BadRequest as error:
            problem = error
        newest = {name: filters_shown.getlist(name) for name in filters_shown if name != "cursor"}
        chains = _known_chains(service)
        return page(
            "history.html",
            status=problem.status if problem else 200,
            asked=filters_shown,
            runs=runs,
            problem=problem,
            beside_a_field=bool(problem and _FIELDS & problem.fields.keys()),
            newest=_address(newest),
            older=_address({**newest, "cursor": [next_cursor]}) if next_cursor else "",
            statuses=STATUSES,
            types=sorted({chain.type for chain in chains}),
            chains=sorted({chain.name for chain in chains})[:_SUGGESTED],
            tasks=sorted({task.name for chain in chains for task in chain.tasks})[:_SUGGESTED],
        )

    return routes


def _known_chains(service: Service) -> list[ChainDescription]:
    """Return the chains without waiting for any: here they are only suggestions."""
    try:
        return service.catalog.chains(0)
    except Unavailable:
        return []


def _by_parts(filters: RunFilters) -> RunFilters:
    """Return filters that a part of a name passes; the API's pass whole names."""
    names = {name: getattr(filters, name) for name in ("chain", "task")}
    parts = {name: text for name, text in names.items() if text}
    return dataclasses.replace(filters, chain=None, task=None, parts=parts)


def _with_offsets(filters: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the filters as the API reads them: times with the offset of the form's time zone.

    Raises:
        BadRequest: when there is no such zone.
    """
    name = filters.get("zone", "UTC")
    try:
        zone = timezone.utc if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError) as problem:
        raise BadRequest(
            f"There is no time zone {name[:50]!r}; one is called like Europe/Berlin.",
            fields={"zone": "a name such as Europe/Berlin"},
        ) from problem
    aware = MultiDict([(name, text) for name, text in filters.items(multi=True) if name != "zone"])
    for field in ("since", "until"):
        with contextlib.suppress(KeyError, ValueError):  # history_filters reports what is no time
            moment = datetime.fromisoformat(aware[field])
            if moment.tzinfo is None:
                aware.setlist(field, [moment.replace(tzinfo=zone).isoformat()])
    return aware


def _address(filters: dict[str, list[str]]) -> str:
    return f"/history?{urlencode(filters, doseq=True)}"


def _filters() -> MultiDict[str, str]:
    """Return the filters of the request that are not empty."""
    pairs = ((name, text.strip()) for name, text in request.args.items(multi=True))
    filters = MultiDict([(name, text) for name, text in pairs if text])
    return filters if filters.keys() - {"zone"} else MultiDict()  # a zone alone filters nothing
