"""``/healthz``, ``/readyz`` and ``/metrics``: for monitoring."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest

from datanectar.api.monitoring.metrics import Figures
from datanectar.api.monitoring.probes import NotWell, Part, Probe, look_at
from datanectar.http.envelope import json_response
from datanectar.keys import DEFAULT_OUTPUT, Key
from datanectar.service.service import Service
from datanectar.settings import PROJECT_HEADER, project_id
from datanectar.storage.registry import default_name, storage_named

#: A key that nothing is under: what is asked for is whether the store answers.
_NO_KEY = Key("health", "health_chain", "HealthTask", "0" * 32)
#: The parts that pages show.
_FOR_PAGES = ("store", "queue", "luigid")
#: Bytes that must find room in the state folder.
_ROOM = 4096


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
        parts = health(service, every_part=True)
        # The app accepts a POST while luigid or the workers are away: it is ready all the same.
        status = 200 if parts["store"] and parts["queue"] else 503
        message = "success" if status == 200 else "The run store or the queue can't be reached."
        return json_response(parts, status=status, message=message)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), mimetype="text/plain; version=0.0.4")

    return routes


def health(service: Service, *, every_part: bool = False) -> dict[str, Any]:
    """Return how parts are, and how many workers are alive; within seconds, whatever hangs.

    Args:
        service: whose parts they are.
        every_part: whether to ask the store of results and the disk, too. Pages ask often, and a
            request to S3 takes time and costs money.
    """
    probes = _probes(service)
    parts = look_at({name: probes[name] for name in (probes if every_part else _FOR_PAGES)})
    return {
        "scheduler": parts["luigid"].ok,
        "store": parts["store"].ok,
        "queue": parts["queue"].ok,
        "workers": len(parts["store"].found or ()),
        "parts": {name: _shown(part) for name, part in parts.items()},
    }


@lru_cache(maxsize=8)
def _probes(service: Service) -> dict[str, Probe]:
    """Return the probes of a service, which it keeps: each has a thread."""
    timeout = service.settings.heartbeat_timeout
    looks: dict[str, Callable[[], Any]] = {
        "store": lambda: service.store.living_workers(timeout),
        "queue": service.queue.size,
        "luigid": lambda: _luigid(service),
        "results": lambda: _results(service),
        "disk": lambda: _disk(service),
    }
    return {name: Probe(name, look) for name, look in looks.items()}


def _luigid(service: Service) -> None:
    if not service.luigid.is_up():
        raise NotWell("no luigid answers at its address")


def _results(service: Service) -> None:
    """Ask the store of results what each POST asks it; one on a disk must take files, too."""
    storage = storage_named(default_name(service.settings))
    storage.exists(_NO_KEY, DEFAULT_OUTPUT)
    if storage.local_path(_NO_KEY, DEFAULT_OUTPUT) is not None:
        storage.prepare()


def _disk(service: Service) -> None:
    """Write to the disk of the state folder, which has the queue and the logs of running tasks."""
    with tempfile.TemporaryFile(dir=service.settings.state) as file:
        file.write(b"x" * _ROOM)


def _shown(part: Part) -> dict[str, Any]:
    return {"ok": part.ok, "seconds": round(part.seconds, 4), "reason": part.reason}
