"""``/webhooks``: who is told what, the last answers, a form for a new one, and buttons to try and remove."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from datanectar.errors import DatanectarError
from datanectar.http.identity import current
from datanectar.notifications.records import EVENTS, Delivery, Webhook
from datanectar.notifications.webhooks import FIELDS, FILTERS, Webhooks
from datanectar.service.service import Service
from datanectar.statuses import ENDED
from datanectar.views.live import digest, live_events
from datanectar.views.pages import confirmed, page, rendered

_LIVE = "webhooks_parts.html"
#: Deliveries of each webhook that the page shows, the newest.
_SHOWN = 10


def blueprint(service: Service) -> Blueprint:
    """Return the page, the stream of what changes in it, and the targets of its buttons."""
    routes = Blueprint("webhooks_page", __name__, url_prefix="/webhooks")
    webhooks = Webhooks(service.store.database, service.settings)

    @routes.get("")
    def every_webhook() -> Response:
        return _show(webhooks)

    @routes.get("/events")
    def events() -> Response:
        return live_events(_LIVE, lambda: _values(webhooks))

    @routes.post("")
    def add() -> Response:
        try:
            made = webhooks.add(_raw(request.form), current.name())
        except DatanectarError as problem:
            return _show(webhooks, typed=request.form, problem=problem)
        return _show(webhooks, made=made)  # not by a redirect: the secret is shown this once

    @routes.post("/<name>/test")
    def test(name: str) -> Response:
        webhooks.test(name, current.name())
        return _back()

    @routes.post("/<name>/retry")
    def retry(name: str) -> Response:
        webhooks.store.retry(name)
        return _back()

    @routes.post("/<name>/remove")
    def remove(name: str) -> Response:
        words = f"{name} is told of nothing any more; what waits for it is lost."
        asked = confirmed("Remove the webhook", words, back=url_for("webhooks_page.every_webhook"))
        if asked is None:
            webhooks.store.remove(name)
        return asked or _back()

    return routes


def _back() -> Response:
    return redirect(url_for("webhooks_page.every_webhook"), 303)  # type: ignore[return-value]


def _raw(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return the fields that are filled in; a filter may have several boxes."""
    given = {name: ",".join(form.getlist(name)) for name in FIELDS}
    return {name: text for name, text in given.items() if text.strip(", ")}


def _show(
    webhooks: Webhooks,
    *,
    typed: MultiDict[str, str] | None = None,
    problem: DatanectarError | None = None,
    made: Webhook | None = None,
) -> Response:
    live = rendered(_LIVE, **_values(webhooks))
    response = page(
        "webhooks.html",
        status=problem.status if problem else 200,
        live=live,
        seen=digest(live),
        typed=typed or MultiDict(),
        problem=problem,
        made=made,
        choices={"events": EVENTS, "statuses": ENDED},
    )
    if made is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


def _values(webhooks: Webhooks) -> dict[str, Any]:
    """Return what the page shows of each webhook."""
    counts = webhooks.store.counts()
    found: list[tuple[Webhook, dict[str, int], list[Delivery]]] = [
        (hook, counts.get(hook.name, {}), webhooks.store.deliveries(hook.name, _SHOWN))
        for hook in webhooks.store.all()
    ]
    return {"webhooks": found, "filters": FILTERS}
