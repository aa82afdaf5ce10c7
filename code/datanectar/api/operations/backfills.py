"""``/api/backfills``: a task run for many values, what became of it, cancelling, and trying again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from datanectar.backfills.backfills import AT_ONCE, MOST_AT_ONCE, BackfillRequest, Backfills
from datanectar.backfills.records import Backfill, Counts, Item
from datanectar.errors import BadRequest, Conflict
from datanectar.http import links
from datanectar.http.envelope import iso_time, json_response
from datanectar.http.identity import current
from datanectar.http.request_params import request_params
from datanectar.messages.plans import PlannedItem
from datanectar.service.service import Service
from datanectar.statuses import ACTIVE, CANCELLED, DONE, FAILED, PENDING, RUNNING

_FIELDS = ("task", "over", "parameters", "at_once", "dry_run")
_DEFAULT_LIMIT, _LARGEST_LIMIT = 50, 500
#: By the value of ``items``: the statuses of the items that a response has; none: all.
_ITEMS: dict[str, tuple[str, ...]] = {"all": (), "failed": (FAILED,), "none": ("",)}


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/backfills``."""
    routes = Blueprint("backfills", __name__, url_prefix="/api/backfills")
    backfills = Backfills(service)
    _add_all(routes, service, backfills)
    _add_one(routes, backfills)
    return routes


def _add_all(routes: Blueprint, service: Service, backfills: Backfills) -> None:
    @routes.get("")
    def every_backfill() -> Response:
        return json_response(_page(backfills))

    @routes.post("")
    def start() -> Response:
        raw = request_params()
        wanted, dry_run = read_request(service, raw)
        if dry_run:
            return json_response(plan_data(backfills.plan(wanted)))
        backfill, is_new = backfills.start(wanted, current.name())
        data = {**backfill_data(backfill, backfills.counts(backfill)), "new": is_new}
        return json_response(data, headers={"Location": data["api_href"]})


def _add_one(routes: Blueprint, backfills: Backfills) -> None:
    @routes.get("/<backfill_id>")
    def one(backfill_id: str) -> Response:
        statuses = _choice("items", _ITEMS)
        backfill = backfills.get(backfill_id)
        items = backfills.store.items(backfill.id, *statuses) if statuses != ("",) else []
        data = backfill_data(backfill, backfills.counts(backfill))
        return json_response({**data, "items": [_item_data(item) for item in items]})

    @routes.delete("/<backfill_id>")
    def cancel(backfill_id: str) -> Response:
        backfill = backfills.cancel(backfill_id)
        if backfill.status in (DONE, FAILED):
            raise Conflict(
                f"Backfill {backfill.id} has ended already ({backfill.status}): nothing to cancel."
            )
        return json_response(backfill_data(backfill, backfills.counts(backfill)))

    @routes.post("/<backfill_id>/retry")
    def retry(backfill_id: str) -> Response:
        backfill = backfills.retry(backfill_id)
        return json_response(backfill_data(backfill, backfills.counts(backfill)))


def _page(backfills: Backfills) -> dict[str, Any]:
    limit = request.args.get("limit", str(_DEFAULT_LIMIT))
    if not (limit.isdecimal() and len(limit) < 6 and 1 <= int(limit) <= _LARGEST_LIMIT):
        raise BadRequest(
            f"limit is a number from 1 to {_LARGEST_LIMIT}.",
            fields={"limit": f"a number from 1 to {_LARGEST_LIMIT}"},
        )
    found, cursor = backfills.store.page(
        cursor=request.args.get("cursor"), limit=int(limit), types=current.types()
    )
    counts = backfills.store.counts(backfill.id for backfill in found)
    listed = [backfill_data(backfill, counts[backfill.id]) for backfill in found]
    return {"backfills": listed, "next_cursor": cursor}


def _choice(name: str, choices: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    chosen = request.args.get(name, next(iter(choices)))
    if chosen not in choices:
        expected = f"one of {', '.join(choices)}"
        raise BadRequest(f"{name} is {expected}.", fields={name: expected})
    return choices[chosen]


def read_request(service: Service, raw: dict[str, Any]) -> tuple[BackfillRequest, bool]:
    """Return the backfill that a request asks for, and whether only a preview of it.

    Raises:
        BadRequest: naming each field that is unknown, missing or can't be read.
        NotFound, Conflict, ChainError: when no task, or several, have the short form's name.
    """
    problems = {name: f"unknown; there are {', '.join(_FIELDS)}" for name in set(raw) - {*_FIELDS}}
    path = str(raw.get("task", "")).split("/")
    if not (len(path) in (2, 3) and all(path)):
        problems["task"] = "required: the task as type/chain/Task or type/Task"
    at_once, dry_run = str(raw.get("at_once", AT_ONCE)), str(raw.get("dry_run", False)).lower()
    if not (at_once.isdecimal() and len(at_once) < 6 and 1 <= int(at_once) <= MOST_AT_ONCE):
        problems["at_once"] = f"a number from 1 to {MOST_AT_ONCE}"
    if dry_run not in ("true", "false"):
        problems["dry_run"] = "true or false"
    over, params = raw.get("over"), raw.get("parameters", {})
    if not (isinstance(over, dict) and over):
        problems["over"] = 'required: a JSON object, such as {"day": "2026-01-01..2026-03-31"}'
    if not isinstance(params, dict):
        problems["parameters"] = "a JSON object with the values of the other parameters"
    if problems:
        listed = "; ".join(f"{name[:100]}: {why}" for name, why in problems.items())
        raise BadRequest(f"A backfill can't be asked for like that: {listed}.", fields=problems)
    current.require_types(path[0])
    chain = path[1] if len(path) == 3 else service.chain_of_task(*path)
    wanted = BackfillRequest(path[0], chain, path[-1], over or {}, params, int(at_once))
    return wanted, dry_run == "true"


def plan_data(items: list[PlannedItem]) -> dict[str, Any]:
    """Return what a backfill would be for."""
    return {
        "total": len(items),
        "missing": sum(not item.complete for item in items),
        "items": [
            {"parameters": item.params, "key": item.key, "complete": item.complete}
            for item in items
        ],
    }


def backfill_data(backfill: Backfill, counts: Counts) -> dict[str, Any]:
    """Return a backfill; ``counts`` has its items by what became of them."""
    return {
        "id": backfill.id,
        "type": backfill.type,
        "chain": backfill.chain,
        "task": backfill.task,
        "over": backfill.over,
        "parameters": backfill.params,
        "at_once": backfill.at_once,
        "status": backfill.status,
        "cancel_requested": backfill.cancel_requested,
        "requested_by": backfill.requested_by,
        "created": iso_time(backfill.created),
        "finished": iso_time(backfill.finished),
        "total": counts.total,
        "counts": {
            "there_before": counts.there,
            "made": counts.of(DONE) - counts.there,
            "failed": counts.of(FAILED),
            "cancelled": counts.of(CANCELLED),
            "running": counts.of(RUNNING),
            "waiting": counts.of(PENDING),
        },
        "progress": progress(counts),
        "api_href": links.url(f"/api/backfills/{backfill.id}"),
        "page": links.url(f"/backfills/{backfill.id}"),
        "runs_url": links.url(f"/api/runs?backfill={backfill.id}"),
    }


def progress(counts: Counts) -> int:
    """Return percent: the items that have ended."""
    return 100 * (counts.total - counts.of(*ACTIVE)) // counts.total if counts.total else 100


def _item_data(item: Item) -> dict[str, Any]:
    return {
        "number": item.number,
        "parameters": item.params,
        "key": item.key,
        "job_status": item.status,
        "there_before": item.was_there,
        "run_id": item.run_id,
        "error": item.error,
    }
