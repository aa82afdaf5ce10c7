"""``/api/chainstatus`` and ``/api/chaingraph``: the status and the tasks of a key."""

from __future__ import annotations

from flask import Blueprint, Response, request

from datanectar.errors import BadRequest
from datanectar.http.envelope import json_response
from datanectar.http.serializers import graph_data, status_data
from datanectar.keys import Key, parse_target
from datanectar.service.service import Service


def blueprint(service: Service) -> Blueprint:
    """Return the two routes."""
    routes = Blueprint("status", __name__, url_prefix="/api")

    @routes.get("/chainstatus")
    def chainstatus() -> Response:
        return json_response(status_data(service.status(*requested_key())))

    @routes.get("/chaingraph")
    def chaingraph() -> Response:
        run = service.status(*requested_key()).run
        return json_response(graph_data(service.tasks(run) if run else []))

    return routes


def requested_key() -> tuple[Key, str | None]:
    """Return the key in the ``chain`` argument and, if it is named, the file.

    Raises:
        BadRequest: when it is missing or malformed.
    """
    text = request.args.get("chain")
    if not text:
        raise BadRequest(
            "Say which: ?chain=chains/<type>/<chain>/<Task>/<md5>/out.txt",
            fields={"chain": "required"},
        )
    return parse_target(text)
