"""``/api/schedules``: when tasks run by themselves, and pausing that."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from datanectar.http import links
from datanectar.http.envelope import iso_time, json_response
from datanectar.http.identity import current
from datanectar.http.serializers import run_data
from datanectar.service.schedules import ScheduleState, set_paused, states
from datanectar.service.service import Service


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/schedules``."""
    routes = Blueprint("schedules", __name__, url_prefix="/api/schedules")

    @routes.get("")
    def every_schedule() -> Response:
        chains = current.visible(service.catalog.chains())
        return json_response(
            [schedule_data(state) for state in states(service, chains, time.time())]
        )

    @routes.post("/<type>/<chain>/<task>/pause")
    def pause(type: str, chain: str, task: str) -> Response:
        return _switch(service, f"{type}/{chain}/{task}", paused=True)

    @routes.post("/<type>/<chain>/<task>/resume")
    def resume(type: str, chain: str, task: str) -> Response:
        return _switch(service, f"{type}/{chain}/{task}", paused=False)

    return routes


def _switch(service: Service, path: str, *, paused: bool) -> Response:
    return json_response(schedule_data(set_paused(service, path, paused, time.time())))


def schedule_data(state: ScheduleState) -> dict[str, Any]:
    """Return a schedule; its next times are by the clock of its zone."""
    schedule = state.schedule
    zone = schedule.cron.zone
    return {
        "type": schedule.type,
        "chain": schedule.chain,
        "task": schedule.task,
        "schedule": schedule.text,
        "zone": str(zone),
        "catch_up": schedule.catch_up,
        "paused": state.paused,
        "next": [datetime.fromtimestamp(stamp, zone).isoformat() for stamp in state.next],
        "last_fire": iso_time(state.last_fire),
        "last_run": run_data(state.last_run) if state.last_run else None,
        "api_href": links.url(f"/api/chains/{schedule.path}"),
    }
