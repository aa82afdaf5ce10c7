"""``/openapi.json``: the API described (OpenAPI 3.1), with operations for each task of each chain."""

from __future__ import annotations

import json
from importlib.metadata import version

from flask import Blueprint, Response, request

from datanectar.api.openapi.operations import RUN_ERRORS, RUN_SUCCESS, get, operation
from datanectar.api.openapi.paths import FIXED_PATHS
from datanectar.api.openapi.schemas import (
    PREFER,
    RESPONSES,
    SCHEMAS,
    Json,
    json_content,
    task_parameter,
)
from datanectar.api.openapi.webhooks import WEBHOOK_SCHEMAS
from datanectar.http.identity import current
from datanectar.keys import NAME
from datanectar.messages import ChainDescription, TaskDescription
from datanectar.service.service import Service

_HOW_TO_POST = (
    "Parameters may also come as a form or as a JSON object in the body. "
    "`Prefer: wait=N` waits up to N seconds for the result; a run that fails meanwhile is "
    "answered with 422, one that is cancelled with 409, and both with the run as `data`."
)


def blueprint(service: Service) -> Blueprint:
    """Return the route."""
    routes = Blueprint("openapi", __name__)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        address = request.url_root.rstrip("/")
        described = describe(
            current.visible(service.catalog.chains()), address, not current.is_open()
        )
        return Response(json.dumps(described), mimetype="application/json")

    return routes


def describe(chains: list[ChainDescription], address: str, with_tokens: bool = False) -> Json:
    """Return the API's description.

    Args:
        chains: the chains there are; those that can't be imported have no operation.
        address: where the app is, as its client reached it.
        with_tokens: whether requests need a token.
    """
    spec: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "datanectar",
            "version": version("datanectar"),
            "description": "Luigi task chains as a service. Every JSON answer is "
            '`{"data": ..., "message": ..., "status": N}`.',
        },
        "servers": [{"url": address}],
        "paths": {**_task_paths(chains), **FIXED_PATHS},
        "components": {"schemas": {**SCHEMAS, **WEBHOOK_SCHEMAS}, "responses": RESPONSES},
    }
    if with_tokens:
        spec["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {"type": "http", "scheme": "basic", "description": "the token as password"},
        }
        spec["security"] = [{"bearer": []}, {"basic": []}]
    return spec


# --- tasks ---------------------------------------------------------------------------------


def _task_paths(chains: list[ChainDescription]) -> Json:
    paths: Json = {}
    for chain in chains:
        for task in chain.tasks:
            if NAME.match(chain.type) and NAME.match(task.name):  # others have no route
                paths |= _paths_of(chain, task)
    return paths


def _paths_of(chain: ChainDescription, task: TaskDescription) -> Json:
    path = f"/api/chains/{chain.type}/{chain.name}/{task.name}"
    name = f"{chain.type}.{chain.name}.{task.name}"
    parameters = [task_parameter(item) for item in task.parameters]
    describe = get(f"describe.{name}", "chains", f"Describe {task.name}", "Task")
    return {
        path: {"get": describe, "post": _run(f"run.{name}", chain, task, parameters)},
        f"{path}/key": {"get": _key(f"key.{name}", chain, task, parameters)},
    }


def _run(name: str, chain: ChainDescription, task: TaskDescription, parameters: list[Json]) -> Json:
    run = operation(
        name,
        f"{chain.type}/{chain.name}",
        task.doc.strip().partition("\n")[0] or f"Run {task.name}",
        json_content("Accepted"),
        success=RUN_SUCCESS,
        errors=RUN_ERRORS,
        parameters=[*parameters, PREFER],
    )
    run["responses"]["200"]["headers"] = {
        "Location": {"description": "the address of the status", "schema": {"type": "string"}}
    }
    run["description"] = "\n\n".join(text for text in (task.doc, _HOW_TO_POST) if text)
    return run


def _key(name: str, chain: ChainDescription, task: TaskDescription, parameters: list[Json]) -> Json:
    return operation(
        name,
        f"{chain.type}/{chain.name}",
        f"The key of {task.name}; starts nothing",
        json_content("Explanation"),
        success="The key, what it is made of, and whether the result is there.",
        errors=(400, 404, 422),
        parameters=parameters,
    )
