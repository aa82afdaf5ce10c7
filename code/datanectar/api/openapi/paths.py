"""The routes that are there whatever the chains are."""

from __future__ import annotations

from datanectar.api.openapi.backfills import BACKFILL_PATHS
from datanectar.api.openapi.operations import RUN_ERRORS, RUN_SUCCESS, get, operation
from datanectar.api.openapi.schemas import (
    ANY_PARAMETERS,
    CHAIN,
    CHAIN_OR_TASK,
    PLAIN_TEXT,
    RUN,
    RUN_FILTERS,
    STATUS_KEY,
    TARGET,
    TARGET_KEY,
    TASK,
    TYPE,
    Json,
    json_content,
    query,
)
from datanectar.api.openapi.webhooks import WEBHOOK_PATHS


def _run_any(name: str, path: list[Json]) -> Json:
    """Describe the POST to a route of any task; its parameters are the task's."""
    return operation(
        name,
        "chains",
        "Run a task",
        json_content("Accepted"),
        success=RUN_SUCCESS,
        errors=RUN_ERRORS,
        parameters=[*path, ANY_PARAMETERS],
    )


def _key_of_any() -> Json:
    return operation(
        "key.short",
        "chains",
        "The key of a task that one chain of the type has; its parameters in the query",
        json_content("Explanation"),
        errors=(400, 404, 409, 422),
        parameters=[TYPE, TASK],
    )


def _log() -> Json:
    return operation(
        "log",
        "status",
        "A task's log, while it runs too",
        {**PLAIN_TEXT, "text/event-stream": {"schema": {"type": "string"}}},
        errors=(400, 404),
        parameters=[
            STATUS_KEY,
            query("attempt", "an earlier attempt's: 1, 2 ...", type="integer", minimum=1),
            query("tail", "so many bytes at its end alone", type="integer", minimum=0),
            query("run", "the one written in this run; without one, the latest"),
        ],
    )


def _file_head(name: str = "target.head") -> Json:
    return operation(
        name,
        "results",
        "A file of a result, a folder of it as `<folder>.zip`, or the list of its files at `<folder>/`",
        {"*/*": {"schema": {}}},
        success="The file.",
        errors=(400, 404),
        parameters=[TARGET],
    )


def _file() -> Json:
    file = _file_head("target")
    redirect = {"description": "S3 mode: the file is at the address in `Location`."}
    file["responses"]["302"] = redirect  # a HEAD never redirects
    return file


def _drop() -> Json:
    return operation(
        "target.drop",
        "results",
        "Drop a result, so that the next POST makes it again",
        json_content("Dropped"),
        success="The files that were deleted.",
        errors=(400, 404, 409, 502),
        parameters=[TARGET_KEY],
    )


def _drop_all() -> Json:
    return operation(
        "lineage.drop",
        "results",
        "Drop a result with all that was made from it, or nothing",
        json_content("DroppedAll"),
        success="The files that were deleted, by key; and why others were kept.",
        errors=(400, 404, 409, 502),
        parameters=[STATUS_KEY],
    )


def _without_token(name: str, summary: str) -> Json:
    return {**get(name, "operation", summary, "Health"), "security": []}


def _rerun() -> Json:
    return operation(
        "runs.rerun",
        "runs",
        "Run again what a run was for: same task, parameters and run date",
        json_content("Rerun"),
        success=RUN_SUCCESS,
        errors=(400, 404, 409, 422, 429, 503),
        parameters=[
            RUN,
            query("force", "drop the result first (scope admin)", type="boolean"),
            query("upstream", "and those of all that it requires (admin)", type="boolean"),
        ],
    )


def _switch(action: str) -> Json:
    return operation(
        f"schedules.{action}",
        "schedules",
        f"{action.title()} a task's schedule",
        json_content("Schedule"),
        errors=(400, 404, 503),
        parameters=[TYPE, CHAIN, TASK],
    )


FIXED_PATHS: Json = {
    "/api/chains": {"get": get("chains.list", "chains", "List the chains", "Chains")},
    "/api/chains/{type}": {
        "get": get("chains.type", "chains", "List the chains of a type", "Chains", [TYPE])
    },
    "/api/chains/{type}/{chain}": {
        "get": get("chains.one", "chains", "One chain", "Chain", [TYPE, CHAIN_OR_TASK]),
        "post": _run_any("run.short", [TYPE, CHAIN_OR_TASK]),
    },
    "/api/chains/{type}/{chain}/{task}": {
        "get": get("chains.task", "chains", "One task", "Task", [TYPE, CHAIN, TASK]),
        "post": _run_any("run", [TYPE, CHAIN, TASK]),
    },
    "/api/chains/{type}/{task}/key": {"get": _key_of_any()},
    "/api/chainstatus": {
        "get": get("status", "status", "The status of a key", "Status", [STATUS_KEY])
    },
    "/api/chainlog": {"get": _log()},
    "/api/chaingraph": {
        "get": get("graph", "status", "The tasks of a key's run", "Graph", [STATUS_KEY])
    },
    "/api/targets/{target}": {"get": _file(), "head": _file_head(), "delete": _drop()},
    "/api/lineage": {
        "get": get(
            "lineage", "results", "What a result was made of and into", "Lineage", [STATUS_KEY]
        ),
        "delete": _drop_all(),
    },
    "/api/lineage/tasks": {
        "get": get("lineage.tasks", "results", "Which tasks feed which", "TaskLineage")
    },
    "/api/runs": {
        "get": get("runs.list", "runs", "The history, newest first", "Runs", RUN_FILTERS)
    },
    "/api/runs/{run_id}": {
        "get": get("runs.one", "runs", "One run with its graph", "Run", [RUN]),
        "delete": operation(
            "runs.cancel",
            "runs",
            "Cancel a run",
            json_content("Run"),
            errors=(400, 404, 409, 503),
            parameters=[RUN],
        ),
    },
    "/api/runs/{run_id}/rerun": {"post": _rerun()},
    "/api/schedules": {
        "get": get("schedules.list", "schedules", "The schedules of all tasks", "Schedules")
    },
    "/api/schedules/{type}/{chain}/{task}/pause": {"post": _switch("pause")},
    "/api/schedules/{type}/{chain}/{task}/resume": {"post": _switch("resume")},
    "/api/whoami": {"get": get("whoami", "operation", "Whose the request is", "Account")},
    **BACKFILL_PATHS,
    **WEBHOOK_PATHS,
    "/healthz": {"get": _without_token("healthz", "Is the app alive")},
    "/readyz": {"get": _without_token("readyz", "Can it take requests")},
    "/metrics": {
        "get": operation(
            "metrics", "operation", "Figures for Prometheus", PLAIN_TEXT, errors=(400, 404)
        )
    },
}
