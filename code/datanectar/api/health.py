"""``/healthz``, ``/readyz`` and ``/metrics``: for monitoring."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from datanectar.errors import DatanectarError
from datanectar.http.envelope import json_response
from datanectar.service.service import Service
from datanectar.settings import PROJECT_HEADER, project_id


def blueprint(service: Service) -> Blueprint:
    """Return the three routes."""
    routes = Blueprint("health", __name__)
    registry = CollectorRegistry()
    registry.register(_Gauges(service))

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
        parts["workers"] = len(_living_workers(service))
        parts["store"] = True
    except DatanectarError:
        parts["store"] = False
    try:
        service.queue.size()
        parts["queue"] = True
    except Exception:  # each kind of queue raises its own driver's errors
        parts["queue"] = False
    return parts


def _living_workers(service: Service) -> list[object]:
    oldest = time.time() - service.settings.heartbeat_timeout
    return [worker for worker in service.store.workers() if worker.heartbeat >= oldest]


class _Gauges:
    """Metrics that are read when Prometheus asks; nothing is counted in between."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        runs = GaugeMetricFamily("datanectar_runs", "Runs that have not ended.", labels=["status"])
        for status, count in self._service.store.active_counts().items():
            runs.add_metric([status], count)
        yield runs
        engine = GaugeMetricFamily(
            "datanectar_engine_tasks", "Tasks at the Dask cluster.", labels=["status"]
        )
        for status, count in self._service.store.engine_counts().items():
            engine.add_metric([status], count)
        yield engine
        yield GaugeMetricFamily(
            "datanectar_queue_messages", "Messages that wait.", value=self._service.queue.size()
        )
        yield GaugeMetricFamily(
            "datanectar_workers", "Workers alive.", value=len(_living_workers(self._service))
        )
        yield GaugeMetricFamily(
            "datanectar_luigid_up", "1 when luigid answers.", value=self._service.luigid.is_up()
        )
