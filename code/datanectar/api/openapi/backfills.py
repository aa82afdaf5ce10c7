"""The routes of backfills."""

from __future__ import annotations

from datanectar.api.openapi.operations import get, operation
from datanectar.api.openapi.schemas import BACKFILL, PAGING, Json, json_content, query, reference


def _start() -> Json:
    start = operation(
        "backfills.start",
        "backfills",
        "Run a task for many values, as far as results are missing",
        json_content("BackfillStarted"),
        success="The backfill, or with `dry_run` what it would be for.",
        errors=(400, 404, 409, 422, 503),
    )
    body = {"application/json": {"schema": reference("BackfillRequest")}}
    return {**start, "requestBody": {"required": True, "content": body}}


def _change(action: str, summary: str) -> Json:
    return operation(
        f"backfills.{action}",
        "backfills",
        summary,
        json_content("Backfill"),
        errors=(400, 404, 409, 503),
        parameters=[BACKFILL],
    )


_ITEMS = query("items", "which of its items", type="string", enum=["all", "failed", "none"])

BACKFILL_PATHS: Json = {
    "/api/backfills": {
        "get": get("backfills.list", "backfills", "Backfills, newest first", "Backfills", PAGING),
        "post": _start(),
    },
    "/api/backfills/{backfill_id}": {
        "get": get("backfills.one", "backfills", "A backfill", "Backfill", [BACKFILL, _ITEMS]),
        "delete": _change("cancel", "Cancel a backfill and its runs"),
    },
    "/api/backfills/{backfill_id}/retry": {
        "post": _change("retry", "Run again what failed or was cancelled")
    },
}
