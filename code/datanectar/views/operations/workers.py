"""``/workers``: the workers with what they run, and the queue."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from datanectar.api.monitoring.health import health
from datanectar.runs.records import Run, WorkerRow
from datanectar.runs.store import RunFilters
from datanectar.service.service import Service
from datanectar.statuses import RUNNING
from datanectar.views.live import live_events, live_page

_LIVE = "workers_parts.html"
#: The most runs that the page names: of all workers, and of those that wait.
_RUNNING, _WAITING = 200, 20


@dataclass(frozen=True)
class _Worker:
    """A worker, whether its heartbeat is recent, and the runs that it holds."""

    row: WorkerRow
    is_alive: bool
    runs: list[Run]


def blueprint(service: Service) -> Blueprint:
    """Return the page, and the stream of what changes in it."""
    routes = Blueprint("workers_page", __name__, url_prefix="/workers")

    @routes.get("")
    def every_worker() -> Response:
        return live_page("workers.html", _LIVE, _values(service))

    @routes.get("/events")
    def events() -> Response:
        return live_events(_LIVE, lambda: _values(service))

    return routes


def _values(service: Service) -> dict[str, Any]:
    store = service.store
    running, more = store.list_runs(RunFilters(status=RUNNING), cursor=None, limit=_RUNNING)
    found = (store.get(run_id) for run_id in store.waiting(_WAITING))
    return {
        "workers": _workers(service, running),
        "more_running": more,
        "waiting": [run for run in found if run],
        "waiting_since": store.waiting_since(),
        "counts": store.active_counts(),
        "health": health(service),
        "luigid_url": service.luigid.url,
        "most_queued": service.settings.max_queued,
    }


def _workers(service: Service, running: list[Run]) -> list[_Worker]:
    oldest = time.time() - service.settings.heartbeat_timeout
    return [
        _Worker(row, row.heartbeat >= oldest, [run for run in running if run.owner == row.id])
        for row in service.store.workers()
    ]
