"""What the operations of ``/openapi.json`` refer to: parameters, responses and schemas."""

from __future__ import annotations

import json
from typing import Any

from datanectar.keys import FILE_NAME_PATTERN, NAME
from datanectar.messages import ParameterDescription
from datanectar.parameters.types import plain_name, type_named
from datanectar.runs.ids import RUN_ID
from datanectar.statuses import ACTIVE, ENDED

Json = dict[str, Any]

# --- parameters ----------------------------------------------------------------------------

_PYTHONS_END = r"\Z"  # in other languages it is $
_KEY_PATTERN = "chains/{0}/{0}/{0}/[0-9a-f]{{32}}".format(NAME.pattern.removesuffix(_PYTHONS_END))
_CURSOR_PATTERN = f"^{RUN_ID.pattern.removesuffix(_PYTHONS_END)}$"


def task_parameter(item: ParameterDescription) -> Json:
    """Return a task's parameter as a parameter of the query."""
    notes = [item.description, None if item.significant else "Not part of the key."]
    return {
        "name": item.name,
        "in": "query",
        "required": item.required,
        "schema": _value_schema(item),
        "description": " ".join(text for text in (*notes, f"({item.type})") if text),
    }


def _value_schema(item: ParameterDescription) -> Json:
    name = plain_name(item)
    type = type_named(name)
    empty_is_none = name != item.type  # Luigi's Optional... types
    schema = dict(type.schema)
    default = _json_value(schema["type"], item.default) if item.default_readable else None
    if item.choices is not None and not type.several:
        schema["enum"] = [*item.choices, ""] if empty_is_none else list(item.choices)
    elif empty_is_none:
        schema = {"anyOf": [schema, {"const": ""}]}
    return schema if default is None else {**schema, "default": default}


def _json_value(type: str, text: str | None) -> Any:
    """Return a default as the schema's type has it: ``"3"`` is 3 for an integer. None without one."""
    if type == "string" or not text:
        return text or None
    try:
        return text.lower() == "true" if type == "boolean" else json.loads(text)
    except ValueError:  # infinity and the like, which JSON has no number for
        return None


def query(name: str, about: str, **schema: Any) -> Json:
    """Return an optional parameter of the query."""
    return {"in": "query", "name": name, "description": about, "schema": schema}


def _path(name: str) -> Json:
    return {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}


TYPE, CHAIN, TASK, RUN = _path("type"), _path("chain"), _path("task"), _path("run_id")
BACKFILL = _path("backfill_id")
CHAIN_OR_TASK = {**CHAIN, "description": "the chain's name; in a POST, the task's"}
TARGET = {
    **_path("target"),
    "schema": {"type": "string", "pattern": f"^{_KEY_PATTERN}/{FILE_NAME_PATTERN}$"},
    "description": "`<key>/<file>`, such as `chains/<type>/<chain>/<Task>/<md5>/out.txt`",
}
TARGET_KEY = {
    **_path("target"),
    "schema": {"type": "string", "pattern": f"^{_KEY_PATTERN}$"},
    "description": "the key: `chains/<type>/<chain>/<Task>/<md5>`",
}
STATUS_KEY = {
    "in": "query",
    "name": "chain",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{_KEY_PATTERN}(/{FILE_NAME_PATTERN})?$"},
    "description": "`<key>/<file>`, as a POST's `status_url` ends",
}
ANY_PARAMETERS = {
    "in": "query",
    "name": "parameters",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "description": "the task's parameters",
}
PREFER = {
    "in": "header",
    "name": "Prefer",
    "description": "such as `wait=10`",
    "schema": {"type": "string"},
}
PAGING = [
    query("cursor", "`next_cursor` of the page before", type="string", pattern=_CURSOR_PATTERN),
    query("limit", "so many at most", type="integer", minimum=1, maximum=500, default=50),
]
RUN_FILTERS = [
    query("status", "", type="string", enum=[*ACTIVE, *ENDED]),
    *(query(name, "", type="string") for name in ("type", "chain", "task", "key")),
    query("backfill", "started by the backfill of this id", type="string"),
    query("since", "accepted then or later", type="string", format="date-time"),
    query("until", "accepted then or earlier", type="string", format="date-time"),
    query("param", "`name=value`; may be repeated", type="string", pattern="^[^=]+="),
    *PAGING,
]

# --- responses -----------------------------------------------------------------------------

PLAIN_TEXT: Json = {"text/plain": {"schema": {"type": "string"}}}
_REASONS = {
    "400": "The request can't be understood; `data.fields` names each parameter.",
    "404": "There is no such chain, task, run, key or file.",
    "409": "The present state forbids it, or the run that was waited for was cancelled.",
    "422": "The chain's own code is at fault, or the run that was waited for failed.",
    "429": "Too many runs wait; `Retry-After` says when to try again.",
    "502": "The result store refuses or can't be reached.",
    "503": "A part that is needed now is away.",
    "default": "An error, with its reason as `message`.",
}


def json_content(schema: str) -> Json:
    """Return the content of a JSON response whose ``data`` has the schema of this name."""
    return _envelope(reference(schema))


def _envelope(data: Json) -> Json:
    schema = {
        "type": "object",
        "required": ["data", "message", "status"],
        "properties": {
            "data": data,
            "message": {"type": "string"},
            "status": {"type": "integer"},
        },
    }
    return {"application/json": {"schema": schema}}


def reference(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


_FIELDS = {"type": "object", "additionalProperties": {"type": "string"}}
_ERROR = _envelope({"type": ["object", "null"], "properties": {"fields": _FIELDS}})
#: The errors, by status.
RESPONSES = {code: {"description": why, "content": _ERROR} for code, why in _REASONS.items()}

# --- schemas -------------------------------------------------------------------------------

_STR, _NULLABLE = {"type": "string"}, {"type": ["string", "null"]}
_INT, _NULLABLE_INT = {"type": "integer"}, {"type": ["integer", "null"]}
_NULLABLE_NUMBER = {"type": ["number", "null"]}
_BOOL = {"type": "boolean"}
_STR_LIST = {"type": "array", "items": _STR}
_STR_DICT = {"type": "object", "additionalProperties": _STR}
_STATUS = {"type": "string", "enum": [*ACTIVE, *ENDED, "DISABLED", "UNKNOWN"]}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _list_of(name: str) -> Json:
    return {"type": "array", "items": reference(name)}


_EDGES = {"type": "array", "items": _object(**{"from": _STR, "to": _STR})}

#: The ``data`` of responses, and what it is made of.
SCHEMAS: Json = {
    "Accepted": _object(
        key=_STR, status_url=_STR, expires_in=_INT, job_status=_STATUS,
        run_id=_NULLABLE, target_url=_NULLABLE, error=_NULLABLE, failed_log_url=_NULLABLE,
    ),
    "Rerun": _object(
        key=_STR, status_url=_STR, expires_in=_INT, job_status=_STATUS, run_id=_NULLABLE,
        target_url=_NULLABLE, dropped={"type": "object", "additionalProperties": _STR_LIST},
        kept=_STR_DICT,
    ),
    "Schedule": _object(
        type=_STR, chain=_STR, task=_STR, schedule=_STR, zone=_STR,
        catch_up={"type": "string", "enum": ["none", "latest", "all"]}, paused=_BOOL,
        next=_STR_LIST, last_fire=_NULLABLE,
        last_run={"anyOf": [reference("Run"), {"type": "null"}]}, api_href=_STR,
    ),
    "Schedules": _list_of("Schedule"),
    "BackfillRequest": {
        "type": "object", "required": ["task", "over"], "additionalProperties": False,
        "properties": {
            "task": {**_STR, "description": "type/chain/Task or type/Task"},
            "over": {
                "type": "object", "minProperties": 1,
                "description": "several values by name of a parameter: a text such as "
                "`2026-01-01..2026-03-31`, `1..9..2` or `a,b`, or a list of texts and values",
            },
            "parameters": {"type": "object", "description": "values of the other parameters"},
            "at_once": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 4},
            "dry_run": {**_BOOL, "default": False, "description": "start nothing: a `BackfillPlan`"},
        },
    },
    "Backfill": _object(
        id=_STR, type=_STR, chain=_STR, task=_STR, over={"type": "object"},
        parameters={"type": "object"}, at_once=_INT, status=_STATUS, cancel_requested=_BOOL,
        requested_by=_NULLABLE, created=_STR, finished=_NULLABLE, total=_INT,
        counts={"type": "object", "additionalProperties": _INT}, progress=_INT, api_href=_STR,
        page=_STR, runs_url=_STR, items=_list_of("BackfillItem"), new=_BOOL,
    ),
    "BackfillItem": _object(
        number=_INT, parameters=_STR_DICT, key=_STR, job_status=_STATUS, there_before=_BOOL,
        run_id=_NULLABLE, error=_NULLABLE, complete=_BOOL,
    ),
    "BackfillPlan": _object(total=_INT, missing=_INT, items=_list_of("BackfillItem")),
    "BackfillStarted": {"anyOf": [reference("Backfill"), reference("BackfillPlan")]},
    "Backfills": _object(backfills=_list_of("Backfill"), next_cursor=_NULLABLE),
    "Explanation": _object(
        key=_STR, task_id=_STR, parameters=_STR_DICT, defaults=_STR_LIST,
        hashed=_NULLABLE, run_time=_STR, storage=_STR, output=_NULLABLE, complete=_BOOL,
        made_by_run=_NULLABLE, status_url=_STR,
    ),
    "Parameter": _object(
        name=_STR, type=_STR, required=_BOOL, default=_NULLABLE, description=_NULLABLE,
        significant=_BOOL, private=_BOOL, optional=_BOOL,
        choices={"type": ["array", "null"], "items": _STR},
    ),
    "Task": _object(
        name=_STR, doc=_STR, parameters=_list_of("Parameter"), schedule=_NULLABLE,
        catch_up=_NULLABLE, error=_NULLABLE, note=_NULLABLE, api_href=_STR,
    ),
    "Chain": _object(
        type=_STR, name=_STR, doc=_STR, error=_NULLABLE, reading=_BOOL, tasks=_list_of("Task"),
        api_href=_STR, left_out=_list_of("LeftOut"),
    ),
    "LeftOut": _object(name=_STR, reason=_STR),
    "Chains": _list_of("Chain"),
    "Status": _object(
        key=_STR, job_status=_STATUS, resource_url=_NULLABLE, expires_in=_NULLABLE_INT, error=_NULLABLE,
        traceback=_NULLABLE, failed_key=_NULLABLE, failed_log_url=_NULLABLE, log_url=_STR,
        params_url=_NULLABLE, run_id=_NULLABLE, attempts=_INT, created=_NULLABLE, started=_NULLABLE,
        finished=_NULLABLE, progress=_NULLABLE_INT, status_message=_NULLABLE, tracking_url=_NULLABLE,
        scheduler=_NULLABLE, results=_list_of("ResultFile"),
    ),
    "ResultFile": _object(
        name=_STR, url=_STR, expires_in=_NULLABLE_INT, size=_NULLABLE_INT, modified=_NULLABLE,
        files_url=_NULLABLE,
    ),
    "ResultFolder": _object(key=_STR, folder=_STR, zip_url=_STR, files=_list_of("ResultFile")),
    "Run": _object(
        id=_STR, key=_STR, type=_STR, chain=_STR, task=_STR, parameters=_STR_DICT,
        job_status=_STATUS, cancel_requested=_BOOL, trigger=_STR, requested_by=_NULLABLE, attempts=_INT, created=_NULLABLE,
        started=_NULLABLE, finished=_NULLABLE, worker=_NULLABLE, error=_NULLABLE, traceback=_NULLABLE,
        failed_key=_NULLABLE, status_url=_STR, log_url=_STR, failed_log_url=_NULLABLE,
    ),
    "Runs": _object(runs=_list_of("Run"), next_cursor=_NULLABLE),
    "Node": _object(
        id=_STR, key=_NULLABLE, family=_STR, parameters=_STR_DICT, status=_STATUS,
        started=_NULLABLE, finished=_NULLABLE,
        error=_NULLABLE, progress=_NULLABLE_INT, status_message=_NULLABLE, tracking_url=_NULLABLE,
        runs_on=_NULLABLE, peak_memory=_NULLABLE_INT, cpu_time=_NULLABLE_NUMBER, log_url=_NULLABLE,
    ),
    "Graph": _object(
        note=_NULLABLE, nodes=_list_of("Node"),
        edges=_EDGES,
    ),
    "Account": _object(
        name=_NULLABLE, kind=_NULLABLE, scope=_STR, types={"type": ["array", "null"], "items": _STR},
        expires=_NULLABLE,
    ),
    "Dropped": _object(key=_STR, dropped=_STR_LIST),
    "DroppedAll": _object(
        key=_STR, dropped={"type": "object", "additionalProperties": _STR_LIST}, kept=_STR_DICT,
    ),
    "Relative": _object(
        key=_STR, parameters=_STR_DICT, steps=_INT, is_there=_BOOL, needed_by_run=_NULLABLE,
        status_url=_STR,
    ),
    "Lineage": _object(
        key=_STR, upstream=_list_of("Relative"), downstream=_list_of("Relative"), edges=_EDGES,
        files={"type": "array", "items": _object(address=_STR, stamp=_STR, read_by=_STR)},
        is_cut=_BOOL,
    ),
    "TaskLineage": _object(
        edges=_EDGES, files={"type": "array", "items": _object(task=_STR, addresses=_STR_LIST)},
    ),
    "Health": {"type": "object"},
}  # fmt: skip
