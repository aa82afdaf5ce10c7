"""``/api/webhooks``: who is told when a run has ended, a schedule was missed or a worker is lost."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from datanectar.http import links
from datanectar.http.envelope import iso_time, json_response
from datanectar.http.identity import current
from datanectar.http.request_params import request_params
from datanectar.notifications.records import DELIVERED, GIVEN_UP, WAITING, Delivery, Webhook
from datanectar.notifications.webhooks import FILTERS, Webhooks
from datanectar.service.service import Service

#: Deliveries of a webhook that are shown, the newest.
SHOWN = 50


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/webhooks``."""
    routes = Blueprint("webhooks", __name__, url_prefix="/api/webhooks")
    webhooks = Webhooks(service.store.database, service.settings)
    store = webhooks.store

    @routes.get("")
    def every_webhook() -> Response:
        counts = store.counts()
        return json_response(
            [webhook_data(hook, counts.get(hook.name, {})) for hook in store.all()]
        )

    @routes.post("")
    def add() -> Response:
        webhook = webhooks.add(request_params(), current.name())
        data = {**webhook_data(webhook, {}), "secret": webhook.secret or None}
        headers = {"Location": data["api_href"], "Cache-Control": "no-store"}
        return json_response(data, headers=headers)

    @routes.get("/<name>")
    def one(name: str) -> Response:
        data = webhook_data(store.get(name), store.counts().get(name, {}))
        shown = [_delivery_data(one) for one in store.deliveries(name, SHOWN)]
        return json_response({**data, "deliveries": shown})

    @routes.delete("/<name>")
    def remove(name: str) -> Response:
        store.remove(name)
        return json_response({"name": name, "removed": True})

    @routes.post("/<name>/test")
    def test(name: str) -> Response:
        return json_response(_delivery_data(webhooks.test(name, current.name())))

    @routes.post("/<name>/retry")
    def retry(name: str) -> Response:
        return json_response({"name": name, "retried": store.retry(name)})

    return routes


def webhook_data(webhook: Webhook, counts: dict[str, int]) -> dict[str, Any]:
    """Return a webhook without its secrets; ``counts`` has its deliveries by status."""
    return {
        "name": webhook.name,
        "url": webhook.shown_url,
        **{name: getattr(webhook, name) for name in FILTERS},
        "created": iso_time(webhook.created),
        "created_by": webhook.created_by,
        "counts": {
            status.lower(): counts.get(status, 0) for status in (WAITING, DELIVERED, GIVEN_UP)
        },
        "api_href": links.url(f"/api/webhooks/{webhook.name}"),
    }


def _delivery_data(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event": delivery.event.name,
        "event_id": delivery.event.id,
        "subject": delivery.event.subject,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "created": iso_time(delivery.created),
        "next_try": iso_time(delivery.next_try),
        "code": delivery.code,
        "answer": delivery.answer,
        "url": links.url(delivery.event.page),
    }
