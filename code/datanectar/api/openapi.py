"""``/openapi.json``: the API described (OpenAPI 3.1), with operations for each task of each chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version

from flask import Blueprint, Response, request

from datanectar.api.openapi_schemas import (
    ANY_PARAMETERS,
    CHAIN,
    CHAIN_OR_TASK,
    PLAIN_TEXT,
    PREFER,
    RESPONSES,
    RUN,
    RUN_FILTERS,
    SCHEMAS,
    STATUS_KEY,
    TARGET,
    TARGET_KEY,
    TASK,
    TYPE,
    Json,
    json_content,
    query,
    task_parameter,
)
from datanectar.keys import NAME
from datanectar.messages import ChainDescription, TaskDescription
from datanectar.service.service import Service

_RUN_ERRORS = (400, 404, 409, 422, 429, 503)
_RUN_SUCCESS = "The run that makes the result, or the result that is there."
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
        address = request.host_url.rstrip("/")
        described = describe(service.catalog.chains(), address, bool(service.settings.tokens))
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
        "paths": {**_task_paths(chains), **_FIXED_PATHS},
        "components": {"schemas": SCHEMAS, "responses": RESPONSES},
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
    describe = _get(f"describe.{name}", "chains", f"Describe {task.name}", "Task")
    return {
        path: {"get": describe, "post": _run(f"run.{name}", chain, task, parameters)},
        f"{path}/key": {"get": _key(f"key.{name}", chain, task, parameters)},
    }


def _run(name: str, chain: ChainDescription, task: TaskDescription, parameters: list[Json]) -> Json:
    operation = _operation(
        name,
        f"{chain.type}/{chain.name}",
        task.doc.strip().partition("\n")[0] or f"Run {task.name}",
        json_content("Accepted"),
        success=_RUN_SUCCESS,
        errors=_RUN_ERRORS,
        parameters=[*parameters, PREFER],
    )
    operation["responses"]["200"]["headers"] = {
        "Location": {"description": "the address of the status", "schema": {"type": "string"}}
    }
    operation["description"] = "\n\n".join(text for text in (task.doc, _HOW_TO_POST) if text)
    return operation


def _key(name: str, chain: ChainDescription, task: TaskDescription, parameters: list[Json]) -> Json:
    return _operation(
        name,
        f"{chain.type}/{chain.name}",
        f"The key of {task.name}; starts nothing",
        json_content("Explanation"),
        success="The key, what it is made of, and whether the result is there.",
        errors=(400, 404, 422),
        parameters=parameters,
    )


# --- fixed routes --------------------------------------------------------------------------


def _get(name: str, tag: str, summary: str, schema: str, parameters: Sequence[Json] = ()) -> Json:
    errors = (400, 404, 503) if parameters else (503,)
    return _operation(
        name, tag, summary, json_content(schema), errors=errors, parameters=parameters
    )


def _run_any(name: str, path: list[Json]) -> Json:
    """Describe the POST to a route of any task; its parameters are the task's."""
    return _operation(
        name,
        "chains",
        "Run a task",
        json_content("Accepted"),
        success=_RUN_SUCCESS,
        errors=_RUN_ERRORS,
        parameters=[*path, ANY_PARAMETERS],
    )


def _key_of_any() -> Json:
    return _operation(
        "key.short",
        "chains",
        "The key of a task that one chain of the type has; its parameters in the query",
        json_content("Explanation"),
        errors=(400, 404, 409, 422),
        parameters=[TYPE, TASK],
    )


def _log() -> Json:
    return _operation(
        "log",
        "status",
        "A task's log, while it runs too",
        {**PLAIN_TEXT, "text/event-stream": {"schema": {"type": "string"}}},
        errors=(400, 404),
        parameters=[
            STATUS_KEY,
            query("attempt", "an earlier attempt's: 1, 2 ...", type="integer", minimum=1),
            query("run", "the one written in this run; without one, the latest"),
        ],
    )


def _file_head(name: str = "target.head") -> Json:
    return _operation(
        name,
        "results",
        "A file of a result",
        {"*/*": {"schema": {}}},
        success="The file.",
        errors=(400, 404),
        parameters=[TARGET],
    )


def _file() -> Json:
    operation = _file_head("target")
    redirect = {"description": "S3 mode: the file is at the address in `Location`."}
    operation["responses"]["302"] = redirect  # a HEAD never redirects
    return operation


def _drop() -> Json:
    return _operation(
        "target.drop",
        "results",
        "Drop a result, so that the next POST makes it again",
        json_content("Dropped"),
        success="The files that were deleted.",
        errors=(400, 404, 409, 502),
        parameters=[TARGET_KEY],
    )


def _without_token(name: str, summary: str) -> Json:
    return {**_get(name, "operation", summary, "Health"), "security": []}


def _operation(
    name: str,
    tag: str,
    summary: str,
    content: Json,
    *,
    success: str | None = None,
    errors: tuple[int, ...] = (),
    parameters: Sequence[Json] = (),
) -> Json:
    """Return an operation whose response, when all goes well, has this content."""
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": success or summary, "content": content},
            **{str(code): {"$ref": f"#/components/responses/{code}"} for code in errors},
            "default": {"$ref": "#/components/responses/default"},
        },
    }


_FIXED_PATHS: Json = {
    "/api/chains": {"get": _get("chains.list", "chains", "List the chains", "Chains")},
    "/api/chains/{type}": {
        "get": _get("chains.type", "chains", "List the chains of a type", "Chains", [TYPE])
    },
    "/api/chains/{type}/{chain}": {
        "get": _get("chains.one", "chains", "One chain", "Chain", [TYPE, CHAIN_OR_TASK]),
        "post": _run_any("run.short", [TYPE, CHAIN_OR_TASK]),
    },
    "/api/chains/{type}/{chain}/{task}": {
        "get": _get("chains.task", "chains", "One task", "Task", [TYPE, CHAIN, TASK]),
        "post": _run_any("run", [TYPE, CHAIN, TASK]),
    },
    "/api/chains/{type}/{task}/key": {"get": _key_of_any()},
    "/api/chainstatus": {
        "get": _get("status", "status", "The status of a key", "Status", [STATUS_KEY])
    },
    "/api/chainlog": {"get": _log()},
    "/api/chaingraph": {
        "get": _get("graph", "status", "The tasks of a key's run", "Graph", [STATUS_KEY])
    },
    "/api/targets/{target}": {"get": _file(), "head": _file_head(), "delete": _drop()},
    "/api/runs": {
        "get": _get("runs.list", "runs", "The history, newest first", "Runs", RUN_FILTERS)
    },
    "/api/runs/{run_id}": {
        "get": _get("runs.one", "runs", "One run with its graph", "Run", [RUN]),
        "delete": _operation(
            "runs.cancel",
            "runs",
            "Cancel a run",
            json_content("Run"),
            errors=(400, 404, 409, 503),
            parameters=[RUN],
        ),
    },
    "/healthz": {"get": _without_token("healthz", "Is the app alive")},
    "/readyz": {"get": _without_token("readyz", "Can it take requests")},
    "/metrics": {
        "get": _operation(
            "metrics", "operation", "Figures for Prometheus", PLAIN_TEXT, errors=(400, 404)
        )
    },
}
