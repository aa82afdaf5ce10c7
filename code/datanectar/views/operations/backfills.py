"""``/backfills``: all backfills and the form for a new one; ``/backfills/<id>``: a cell for each item."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from datanectar.api.operations.backfills import progress, read_request
from datanectar.backfills.backfills import AT_ONCE, Backfills
from datanectar.backfills.records import Backfill
from datanectar.errors import DatanectarError
from datanectar.http.identity import current
from datanectar.messages.plans import PlannedItem
from datanectar.service.service import Service
from datanectar.statuses import CANCELLED, FAILED, RUNNING
from datanectar.views.live import live_events, live_page
from datanectar.views.pages import confirmed, page

#: What the pages show at most: backfills, cells of one, and items that failed.
_LISTED, _CELLS, _NAMED = 50, 1000, 50
#: Seconds to wait for chains that are being read: here they are only suggestions.
_PATIENCE = 0.5


def blueprint(service: Service) -> Blueprint:
    """Return the pages, the stream of what changes in one, and the targets of their buttons."""
    routes = Blueprint("backfills_page", __name__, url_prefix="/backfills")
    backfills = Backfills(service)
    _add_all(routes, service, backfills)
    _add_one(routes, backfills)
    return routes


def _add_all(routes: Blueprint, service: Service, backfills: Backfills) -> None:
    @routes.get("")
    def every_backfill() -> Response:
        return _show_list(service, backfills, request.args)

    @routes.post("")
    def start() -> Response:
        try:
            wanted, dry_run = read_request(service, _raw(request.form))
            if dry_run:
                return _show_list(service, backfills, request.form, plan=backfills.plan(wanted))
            backfill, _ = backfills.start(wanted, current.name())
        except DatanectarError as problem:
            return _show_list(service, backfills, request.form, problem=problem)
        return _to(backfill.id)


def _add_one(routes: Blueprint, backfills: Backfills) -> None:
    @routes.get("/<backfill_id>")
    def one(backfill_id: str) -> Response:
        values = _values(backfills, backfills.get(backfill_id))
        return live_page("backfill.html", "backfill_parts.html", values)

    @routes.get("/<backfill_id>/events")
    def events(backfill_id: str) -> Response:
        return _events(backfills, backfill_id)

    @routes.post("/<backfill_id>/cancel")
    def cancel(backfill_id: str) -> Response:
        return _confirm_cancel(backfill_id) or _to(backfills.cancel(backfill_id).id)

    @routes.post("/<backfill_id>/retry")
    def retry(backfill_id: str) -> Response:
        return _to(backfills.retry(backfill_id).id)


def _events(backfills: Backfills, backfill_id: str) -> Response:
    backfills.get(backfill_id)  # one that is not there is refused before the stream begins

    def values() -> dict[str, Any]:
        return _values(backfills, backfills.get(backfill_id))

    return live_events("backfill_parts.html", values, lambda values: not values["is_active"])


def _confirm_cancel(backfill_id: str) -> Response | None:
    words = "Cancel the backfill? Its runs are cancelled; what is done stays."
    back = url_for("backfills_page.one", backfill_id=backfill_id)
    return confirmed("Cancel the backfill", words, back=back)


def _to(backfill_id: str) -> Response:
    return redirect(url_for("backfills_page.one", backfill_id=backfill_id), 303)  # type: ignore[return-value]


def _show_list(
    service: Service,
    backfills: Backfills,
    typed: MultiDict[str, str],
    *,
    plan: list[PlannedItem] | None = None,
    problem: DatanectarError | None = None,
) -> Response:
    found, older = backfills.store.page(
        cursor=request.args.get("cursor"), limit=_LISTED, types=current.types()
    )
    counts = backfills.store.counts(backfill.id for backfill in found)
    chains = current.visible(service.catalog.chains(_PATIENCE))
    return page(
        "backfills.html",
        status=problem.status if problem else 200,
        rows=[(backfill, counts[backfill.id], progress(counts[backfill.id])) for backfill in found],
        older=older,
        typed=typed,
        at_once=AT_ONCE,
        plan=plan,
        missing=[item for item in plan or () if not item.complete],
        shown=_NAMED,
        problem=problem,
        tasks=[f"{c.type}/{c.name}/{task.name}" for c in chains for task in c.tasks],
    )


def _raw(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return the request that the form spells: a line ``name=values`` for each parameter."""
    lines = [line.partition("=") for line in form.get("values", "").splitlines() if line.strip()]
    over: dict[str, list[str]] = {}
    for name, _, text in lines:
        over.setdefault(name.strip(), []).append(text.strip())
    raw = {name: form[name] for name in ("task", "at_once", "dry_run") if form.get(name)}
    return {**raw, "over": over}


def _values(backfills: Backfills, backfill: Backfill) -> dict[str, Any]:
    """Return what the page of a backfill shows."""
    counts = backfills.counts(backfill)
    is_being_cancelled = backfill.cancel_requested and backfill.status == RUNNING
    return {
        "backfill": backfill,
        "counts": counts,
        "progress": progress(counts),
        "is_active": backfill.status == RUNNING,
        "can_retry": bool(counts.of(FAILED, CANCELLED)) and not is_being_cancelled,
        "cells": backfills.store.items(backfill.id, limit=_CELLS),
        "failed": backfills.store.items(backfill.id, FAILED, limit=_NAMED),
    }
