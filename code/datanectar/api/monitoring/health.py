"""``/healthz``, ``/readyz`` and ``/metrics``: for monitoring."""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest

from datanectar.api.monitoring.metrics import Figures
from datanectar.errors import DatanectarError
from datanectar.http.envelope import json_response
from datanectar.service.service import Service
from datanectar.settings import PROJECT_HEADER, project_id


def blueprint(service: Service) -> Blueprint:
    """Return the three routes."""
    routes = Blueprint("health", __name__)
    registry = CollectorRegistry()
    registry.register(Figures(service))

    @routes.get("/healthz")
    def alive() -> Response:
        whose = {PROJECT_HEADER: project_id(service.settings.project)}
        return json_response({"alive": True}, headers=whose)

    @routes.get("/readyz")
    def ready() -> Response:
        parts = health(service)
        # The app accepts a POST while luigid or the workers are away: it is ready all the same.
        status = 200 if parts["store"] and parts["queue"] else 503
        message = "success" if status == 200 else "The run store or the queue can't be reached."
        return json_response(parts, status=status, message=message)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), mimetype="text/plain; version=0.0.4")

    return routes


def health(service: Service) -> dict[str, object]:
    """Return which parts can be reached, and how many workers are alive."""
    parts: dict[str, object] = {"scheduler": service.luigid.is_up(), "workers": 0}
    try:
        parts["workers"] = len(service.store.living_workers(service.settings.heartbeat_timeout))
        parts["store"] = True
    except DatanectarError:
        parts["store"] = False
    try:
        service.queue.size()
        parts["queue"] = True
    except Exception:  # each kind of queue raises its own driver's errors
        parts["queue"] = False
    return parts
