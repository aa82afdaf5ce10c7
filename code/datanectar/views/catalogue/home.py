"""``/`` and ``/chains/<type>``: the chains with their last runs, and what goes on now."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from datanectar.api.monitoring.health import health
from datanectar.catalog.listing_cache import PAGE_PATIENCE
from datanectar.errors import NotFound, Unavailable
from datanectar.http.identity import current
from datanectar.messages import ChainDescription
from datanectar.runs.store import RunFilters
from datanectar.service.service import Service
from datanectar.statuses import RUNNING
from datanectar.views.catalogue.listing import list_chains, rows_of
from datanectar.views.live import live_events, live_page

_LATEST_RUNS, _RUNNING = 10, 8
#: Seconds for which a stream takes the table of chains as it was: to look costs more than the rest.
_TABLE_SECONDS = 3.0
_ASKED = ("q", "type", "page", "only")


def blueprint(service: Service) -> Blueprint:
    """Return the pages, and the stream of what changes in them."""
    routes = Blueprint("home", __name__)

    @routes.get("/")
    def home() -> Response:
        return _show(service, _asked())

    @routes.get("/chains/<type>")
    def of_type(type: str) -> Response:
        if type not in {chain.type for chain in _chains(service, 0)[0]}:
            raise NotFound(f"There are no chains of type {type[:100]!r}.")
        return _show(service, _asked(type), of_type=type)

    @routes.get("/events")
    def events() -> Response:
        return live_events("home_parts.html", _looks(service, _asked()))

    @routes.get("/chains/<type>/events")
    def events_of_type(type: str) -> Response:
        return live_events("home_parts.html", _looks(service, _asked(type)))

    return routes


def _asked(type: str = "") -> dict[str, str]:
    """Return what the request asks of the table; ``type`` is that of the page's own address."""
    asked = {name: request.args[name] for name in _ASKED if request.args.get(name)}
    return {**asked, "type": type} if type else asked


def _show(service: Service, asked: dict[str, str], of_type: str = "") -> Response:
    values = {**_now(service), **_table(service, asked, PAGE_PATIENCE)}
    return live_page("home.html", "home_parts.html", values, of_type=of_type)


def _looks(service: Service, asked: dict[str, str]) -> Callable[[], dict[str, Any]]:
    """Return the function that returns what the page shows now, the table as it was lately."""
    table: dict[str, Any] = {}
    until = 0.0

    def look() -> dict[str, Any]:
        nonlocal table, until
        if time.monotonic() > until:
            table = _table(service, asked, 0)
            until = time.monotonic() + _TABLE_SECONDS
        return {**_now(service), **table}

    return look


def _now(service: Service) -> dict[str, Any]:
    """Return the latest runs, those of now with how far they are, and the health of all parts."""
    seen = RunFilters(types=current.types())
    runs, _ = service.store.list_runs(seen, cursor=None, limit=_LATEST_RUNS)
    going = dataclasses.replace(seen, status=RUNNING)
    running, _ = service.store.list_runs(going, cursor=None, limit=_RUNNING)
    return {
        "runs": runs,
        "running": running,
        "progress": service.store.progress_of([run.id for run in running]) if running else {},
        "health": health(service),
        "counts": service.store.active_counts(),
        "luigid_url": service.luigid.url,
    }


def _table(service: Service, asked: dict[str, str], patience: float) -> dict[str, Any]:
    chains, problem = _chains(service, patience)
    parts = (asked.get(name, "") for name in _ASKED)
    listing = list_chains(chains, *parts)
    return {
        "listing": listing,
        "rows": rows_of(service, listing.chains),
        "asked": asked,
        "unread": problem,
        "chains": service.settings.chains,
    }


def _chains(service: Service, patience: float) -> tuple[list[ChainDescription], str]:
    """Return the chains; where none can be read, why."""
    try:
        return current.visible(service.catalog.chains(patience)), ""
    except Unavailable as problem:
        return [], problem.message
