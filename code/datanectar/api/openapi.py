"""``/openapi.json``: the API described (OpenAPI 3.1), an operation for each task there is now."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, request

from datanectar.keys import FILE_NAME_PATTERN, NAME
from datanectar.messages import ChainDescription, ParameterDescription, TaskDescription
from datanectar.runs.ids import RUN_ID
from datanectar.service.service import Service
from datanectar.statuses import ACTIVE, ENDED

Json = dict[str, Any]

#: JSON Schema by Luigi's type, for values as the text of a query string.
_SCHEMAS: dict[str, Json] = {
    "IntParameter": {"type": "integer"},
    "YearParameter": {"type": "integer"},
    "FloatParameter": {"type": "number"},
    "NumericalParameter": {"type": "number"},
    "BoolParameter": {"type": "boolean"},
    "DateParameter": {"type": "string", "format": "date"},
    "MonthParameter": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
    "DateHourParameter": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}$"},
    "DateMinuteParameter": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{4}$"},
    "DateSecondParameter": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{6}$"},
    "ListParameter": {"type": "string", "contentMediaType": "application/json"},
    "TupleParameter": {"type": "string", "contentMediaType": "application/json"},
    "DictParameter": {"type": "string", "contentMediaType": "application/json"},
}
_STATUSES = [*ACTIVE, *ENDED, "DISABLED", "UNKNOWN"]


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
        "paths": {**_task_paths(chains), **_fixed_paths()},
        "components": {"schemas": _shapes(), "responses": _refusals()},
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
        # A folder or file whose name can't be part of a route is listed with its error only.
        for task in (task for task in chain.tasks if NAME.match(chain.type)):
            if not NAME.match(task.name):
                continue
            place = f"/api/chains/{chain.type}/{chain.name}/{task.name}"
            name = f"{chain.type}.{chain.name}.{task.name}"
            parameters = [_parameter(item) for item in task.parameters]
            paths[place] = {
                "get": _look("chains", f"Describe {task.name}", f"describe.{name}", "Task"),
                "post": _run(chain, task, f"run.{name}", parameters),
            }
            paths[f"{place}/key"] = {"get": _explain(chain, task, f"key.{name}", parameters)}
    return paths


def _run(chain: ChainDescription, task: TaskDescription, name: str, parameters: list[Json]) -> Json:
    words = (
        "Parameters may also come as a form or as a JSON object in the body. "
        "`Prefer: wait=N` waits up to N seconds for the result; a run that fails meanwhile is "
        "answered with 422, one that is cancelled with 409, and both with the run as `data`."
    )
    operation = _operation(
        name,
        f"{chain.type}/{chain.name}",
        _first_line(task.doc) or f"Run {task.name}",
        "Accepted",
        "The run that makes the result, or the result that is there.",
        refusals=(400, 404, 409, 422, 429, 503),
        parameters=[*parameters, _header("Prefer", "such as `wait=10`")],
        description="\n\n".join(text for text in (task.doc, words) if text),
    )
    operation["responses"]["200"]["headers"] = {
        "Location": {"description": "the address of the status", "schema": {"type": "string"}}
    }
    return operation


def _run_any(name: str, places: list[Json]) -> Json:
    """Describe the POST to a place where any task may be; its parameters are the task's."""
    given = {
        "in": "query",
        "name": "parameters",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        "description": "the task's parameters",
    }
    words = "The run that makes the result, or the result that is there."
    refusals = (400, 404, 409, 422, 429, 503)
    return _operation(name, "chains", "Run a task", "Accepted", words, refusals, [*places, given])


def _open(summary: str, name: str) -> Json:
    """Describe what needs no token."""
    return {**_look("operation", summary, name, "Health"), "security": []}


def _explain(
    chain: ChainDescription, task: TaskDescription, name: str, parameters: list[Json]
) -> Json:
    return _operation(
        name,
        f"{chain.type}/{chain.name}",
        f"The key of {task.name}; starts nothing",
        "Explanation",
        "The key, what it is made of, and whether the result is there.",
        refusals=(400, 404, 422),
        parameters=parameters,
    )


def _short_key() -> Json:
    about = "The key of a task that one chain of the type has; its parameters in the query"
    refusals = (400, 404, 409, 422)
    return _operation("key.short", "chains", about, "Explanation", about, refusals, [_TYPE, _TASK])


def _parameter(item: ParameterDescription) -> Json:
    notes = [item.description, None if item.significant else "Not part of the key."]
    described: Json = {
        "name": item.name,
        "in": "query",
        "required": item.required,
        "schema": _schema(item),
        "description": " ".join(text for text in (*notes, f"({item.type})") if text),
    }
    return described


def _schema(item: ParameterDescription) -> Json:
    empties = item.optional and item.type.startswith("Optional")  # an empty text is None
    type = item.type.removeprefix("Optional") if empties else item.type
    schema = dict(_SCHEMAS.get(type, {"type": "string"}))
    default = _typed(schema["type"], item.default) if item.default_readable else None
    if item.choices is not None and not type.endswith("ListParameter"):
        schema["enum"] = [*item.choices, ""] if empties else list(item.choices)
    elif empties:
        schema = {"anyOf": [schema, {"const": ""}]}
    return schema if default is None else {**schema, "default": default}


def _typed(type: str, text: str | None) -> Any:
    """Return a default as the schema's type has it, ``"3"`` as 3 for an integer; None without one."""
    if type == "string" or not text:
        return text or None
    try:
        return text.lower() == "true" if type == "boolean" else json.loads(text)
    except ValueError:  # infinity and the like, which JSON has no number for
        return None


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


# --- fixed routes --------------------------------------------------------------------------

_TYPE = {"in": "path", "name": "type", "required": True, "schema": {"type": "string"}}
_CHAIN = {"in": "path", "name": "chain", "required": True, "schema": {"type": "string"}}
_CHAIN_OR_TASK = {**_CHAIN, "description": "the chain's name; in a POST, the task's"}
_TASK = {"in": "path", "name": "task", "required": True, "schema": {"type": "string"}}
_RUN_ID = {"in": "path", "name": "run_id", "required": True, "schema": {"type": "string"}}
_END = r"\Z"  # Python's; elsewhere it is $
_KEY_PATTERN = "chains/{0}/{0}/{0}/[0-9a-f]{{32}}".format(NAME.pattern.removesuffix(_END))
_CURSOR = f"^{RUN_ID.pattern.removesuffix(_END)}$"
_TARGET = {
    "in": "path",
    "name": "target",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{_KEY_PATTERN}/{FILE_NAME_PATTERN}$"},
    "description": "`<key>/<file>`, such as `chains/<type>/<chain>/<Task>/<md5>/out.txt`",
}
_KEY = {
    "in": "query",
    "name": "chain",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{_KEY_PATTERN}(/{FILE_NAME_PATTERN})?$"},
    "description": "`<key>/<file>`, as a POST's `status_url` ends",
}


def _query(name: str, about: str, **schema: Any) -> Json:
    return {"in": "query", "name": name, "description": about, "schema": schema}


def _header(name: str, about: str) -> Json:
    return {"in": "header", "name": name, "description": about, "schema": {"type": "string"}}


def _fixed_paths() -> Json:
    return {
        "/api/chains": {"get": _look("chains", "List the chains", "chains.list", "Chains")},
        "/api/chains/{type}": {
            "get": _look("chains", "List the chains of a type", "chains.type", "Chains", [_TYPE])
        },
        "/api/chains/{type}/{chain}": {
            "get": _look("chains", "One chain", "chains.one", "Chain", [_TYPE, _CHAIN_OR_TASK]),
            "post": _run_any("run.short", [_TYPE, _CHAIN_OR_TASK]),
        },
        "/api/chains/{type}/{chain}/{task}": {
            "get": _look("chains", "One task", "chains.task", "Task", [_TYPE, _CHAIN, _TASK]),
            "post": _run_any("run", [_TYPE, _CHAIN, _TASK]),
        },
        "/api/chains/{type}/{task}/key": {"get": _short_key()},
        "/api/chainstatus": {
            "get": _look("status", "The status of a key", "status", "Status", [_KEY])
        },
        "/api/chainlog": {"get": _log()},
        "/api/chaingraph": {
            "get": _look("status", "The tasks of a key's run", "graph", "Graph", [_KEY])
        },
        "/api/targets/{target}": {"get": _file(), "head": _file("target.head"), "delete": _drop()},
        "/api/runs": {
            "get": _look("runs", "The history, newest first", "runs.list", "Runs", _filters())
        },
        "/api/runs/{run_id}": {
            "get": _look("runs", "One run with its graph", "runs.one", "Run", [_RUN_ID]),
            "delete": _cancel(),
        },
        "/healthz": {"get": _open("Is the app alive", "healthz")},
        "/readyz": {"get": _open("Can it take requests", "readyz")},
        "/metrics": {"get": _text("operation", "Figures for Prometheus", "metrics", [])},
    }


def _filters() -> list[Json]:
    return [
        _query("status", "", type="string", enum=[*ACTIVE, *ENDED]),
        *(_query(name, "", type="string") for name in ("type", "chain", "task", "key")),
        _query("since", "accepted then or later", type="string", format="date-time"),
        _query("until", "accepted then or earlier", type="string", format="date-time"),
        _query("param", "`name=value`; may be repeated", type="string", pattern="^[^=]+="),
        _query("cursor", "`next_cursor` of the page before", type="string", pattern=_CURSOR),
        _query("limit", "runs on a page", type="integer", minimum=1, maximum=500, default=50),
    ]


def _look(
    tag: str, summary: str, name: str, shape: str, parameters: list[Json] | None = None
) -> Json:
    refusals = (400, 404, 503) if parameters else (503,)
    return _operation(name, tag, summary, shape, summary, refusals, parameters or [])


def _log() -> Json:
    operation = _text(
        "status",
        "A task's log, while it runs too",
        "log",
        [
            _KEY,
            _query("attempt", "an earlier attempt's: 1, 2 ...", type="integer", minimum=1),
            _query("run", "the one written in this run; without one, the latest"),
        ],
    )
    content = operation["responses"]["200"]["content"]
    content["text/event-stream"] = {"schema": {"type": "string"}}
    return operation


def _file(name: str = "target") -> Json:
    operation = _text("results", "A file of a result", name, [_TARGET])
    ok = {"description": "The file.", "content": {"*/*": {"schema": {}}}}
    elsewhere = {"description": "S3 mode: the file is at the address in `Location`."}
    operation["responses"] |= {"200": ok}
    if name == "target":  # a HEAD is answered here
        operation["responses"] |= {"302": elsewhere}
    return operation


def _cancel() -> Json:
    words = "Cancel a run"
    refusals = (400, 404, 409, 503)
    return _operation("runs.cancel", "runs", words, "Run", words, refusals, [_RUN_ID])


def _drop() -> Json:
    target = {
        **_TARGET,
        "schema": {"type": "string", "pattern": f"^{_KEY_PATTERN}$"},
        "description": "the key: `chains/<type>/<chain>/<Task>/<md5>`",
    }
    return _operation(
        "target.drop",
        "results",
        "Drop a result, so that the next POST makes it again",
        "Dropped",
        "The files that were deleted.",
        (400, 404, 409, 502),
        [target],
    )


def _text(tag: str, summary: str, name: str, parameters: list[Json]) -> Json:
    operation = _operation(name, tag, summary, "Health", summary, (400, 404), parameters)
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return operation


def _operation(
    name: str,
    tag: str,
    summary: str,
    shape: str,
    success: str,
    refusals: tuple[int, ...] = (),
    parameters: list[Json] | None = None,
    description: str = "",
) -> Json:
    content = {"application/json": {"schema": _envelope({"$ref": f"#/components/schemas/{shape}"})}}
    operation: Json = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "parameters": parameters or [],
        "responses": {
            "200": {"description": success, "content": content},
            **{str(code): {"$ref": f"#/components/responses/{code}"} for code in refusals},
            "default": {"$ref": "#/components/responses/default"},
        },
    }
    return operation | ({"description": description} if description else {})


# --- bodies --------------------------------------------------------------------------------


def _envelope(data: Json) -> Json:
    return {
        "type": "object",
        "required": ["data", "message", "status"],
        "properties": {
            "data": data,
            "message": {"type": "string"},
            "status": {"type": "integer"},
        },
    }


def _refusals() -> Json:
    reasons = {
        "400": "The request can't be understood; `data.fields` names each parameter.",
        "404": "There is no such chain, task, run, key or file.",
        "409": "The present state forbids it, or the run that was waited for was cancelled.",
        "422": "The chain's own code is at fault, or the run that was waited for failed.",
        "429": "Too many runs wait; `Retry-After` says when to try again.",
        "502": "The result store refuses or can't be reached.",
        "503": "A part that is needed now is away.",
        "default": "An error, with its reason as `message`.",
    }
    fields = {"type": "object", "additionalProperties": {"type": "string"}}
    data = {"type": ["object", "null"], "properties": {"fields": fields}}
    content = {"application/json": {"schema": _envelope(data)}}
    return {code: {"description": why, "content": content} for code, why in reasons.items()}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _shapes() -> Json:
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    whole, flag = {"type": "integer"}, {"type": "boolean"}
    maybe_whole = {"type": ["integer", "null"]}
    texts = {"type": "object", "additionalProperties": text}
    status = {"type": "string", "enum": _STATUSES}

    def many(shape: str) -> Json:
        return {"type": "array", "items": {"$ref": f"#/components/schemas/{shape}"}}

    return {
        "Accepted": _object(
            key=text, status_url=text, expires_in=whole, job_status=status,
            run_id=maybe, target_url=maybe, error=maybe, failed_log_url=maybe,
        ),
        "Explanation": _object(
            key=text, task_id=text, parameters=texts, defaults={"type": "array", "items": text},
            hashed=maybe, run_time=text, storage=text, output=maybe, complete=flag,
            made_by_run=maybe, status_url=text,
        ),
        "Parameter": _object(
            name=text, type=text, required=flag, default=maybe, description=maybe,
            significant=flag, private=flag, optional=flag,
            choices={"type": ["array", "null"], "items": text},
        ),
        "Task": _object(
            name=text, doc=text, parameters=many("Parameter"), schedule=maybe, error=maybe, note=maybe,
            api_href=text,
        ),
        "Chain": _object(
            type=text, name=text, doc=text, error=maybe, reading=flag, tasks=many("Task"),
            api_href=text, left_out=many("LeftOut"),
        ),
        "LeftOut": _object(name=text, reason=text),
        "Chains": many("Chain"),
        "Status": _object(
            key=text, job_status=status, resource_url=maybe, expires_in=maybe_whole, error=maybe,
            traceback=maybe, failed_key=maybe, failed_log_url=maybe, log_url=text,
            params_url=maybe, run_id=maybe, attempts=whole, created=maybe, started=maybe,
            finished=maybe, progress=maybe_whole, status_message=maybe, tracking_url=maybe,
            scheduler=maybe, results=many("ResultFile"),
        ),
        "ResultFile": _object(
            name=text, url=text, expires_in=maybe_whole, size=whole, modified=maybe
        ),
        "Run": _object(
            id=text, key=text, type=text, chain=text, task=text, parameters=texts,
            job_status=status, cancel_requested=flag, trigger=text, attempts=whole, created=maybe,
            started=maybe, finished=maybe, worker=maybe, error=maybe, traceback=maybe,
            failed_key=maybe, status_url=text, log_url=text, failed_log_url=maybe,
        ),
        "Runs": _object(runs=many("Run"), next_cursor=maybe),
        "Node": _object(
            id=text, key=maybe, family=text, status=status, started=maybe, finished=maybe,
            error=maybe, progress=maybe_whole, status_message=maybe, tracking_url=maybe,
            log_url=maybe,
        ),
        "Graph": _object(
            note=maybe, nodes=many("Node"),
            edges={"type": "array", "items": _object(**{"from": text, "to": text})},
        ),
        "Dropped": _object(key=text, dropped={"type": "array", "items": text}),
        "Health": {"type": "object"},
    }  # fmt: skip
