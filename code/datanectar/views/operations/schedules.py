"""``/schedules``: when tasks run by themselves, what became of it, and pausing that."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, redirect, url_for

from datanectar.catalog.listing_cache import PAGE_PATIENCE
from datanectar.http.identity import current
from datanectar.service.schedules import set_paused, states
from datanectar.service.service import Service
from datanectar.views.live import live_events, live_page

_LIVE = "schedules_parts.html"


def blueprint(service: Service) -> Blueprint:
    """Return the page, the stream of what changes in it, and the targets of its buttons."""
    routes = Blueprint("schedules_page", __name__, url_prefix="/schedules")

    @routes.get("")
    def every_schedule() -> Response:
        return live_page("schedules.html", _LIVE, _values(service, PAGE_PATIENCE))

    @routes.get("/events")
    def events() -> Response:
        return live_events(_LIVE, lambda: _values(service, 0))

    @routes.post("/<type>/<chain>/<task>/pause")
    def pause(type: str, chain: str, task: str) -> Response:
        return _switch(service, f"{type}/{chain}/{task}", paused=True)

    @routes.post("/<type>/<chain>/<task>/resume")
    def resume(type: str, chain: str, task: str) -> Response:
        return _switch(service, f"{type}/{chain}/{task}", paused=False)

    return routes


def _values(service: Service, patience: float) -> dict[str, Any]:
    """Return what the page shows; chains that are being read still are named."""
    chains = current.visible(service.catalog.chains(patience))
    return {
        "schedules": states(service, chains, time.time()),
        "unread": [chain for chain in chains if chain.reading or chain.error],
    }


def _switch(service: Service, path: str, *, paused: bool) -> Response:
    set_paused(service, path, paused, time.time())
    return redirect(url_for("schedules_page.every_schedule"), 303)  # type: ignore[return-value]
