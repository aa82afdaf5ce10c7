"""The routes of webhooks."""

from __future__ import annotations

from datanectar.api.openapi.operations import get, operation
from datanectar.api.openapi.schemas import Json, json_content, reference
from datanectar.notifications.records import DELIVERED, EVENTS, GIVEN_UP, WAITING
from datanectar.notifications.webhooks import FILTERS
from datanectar.statuses import ENDED

WEBHOOK = {"in": "path", "name": "name", "required": True, "schema": {"type": "string"}}


def _change(action: str, summary: str, schema: str) -> Json:
    return operation(
        f"webhooks.{action}",
        "webhooks",
        summary,
        json_content(schema),
        errors=(400, 404, 503),
        parameters=[WEBHOOK],
    )


def _add() -> Json:
    add = operation(
        "webhooks.add",
        "webhooks",
        "Have a receiver told when a run has ended, a schedule was missed or a worker is lost",
        json_content("Webhook"),
        success="The webhook, and this once the `secret` that signs what it is sent.",
        errors=(400, 409, 503),
    )
    body = {"application/json": {"schema": reference("WebhookRequest")}}
    return {**add, "requestBody": {"required": True, "content": body}}


WEBHOOK_PATHS: Json = {
    "/api/webhooks": {
        "get": get("webhooks.list", "webhooks", "The webhooks, by name", "Webhooks"),
        "post": _add(),
    },
    "/api/webhooks/{name}": {
        "get": get(
            "webhooks.one", "webhooks", "A webhook and its deliveries", "Webhook", [WEBHOOK]
        ),
        "delete": _change("remove", "Remove a webhook, with what waits for it", "WebhookRemoved"),
    },
    "/api/webhooks/{name}/retry": {
        "post": _change("retry", "Send a webhook again what was given up", "WebhookRetried")
    },
    "/api/webhooks/{name}/test": {
        "post": _change("test", "Send a webhook an event of its own", "Delivery")
    },
}

_STR, _INT, _NULLABLE = {"type": "string"}, {"type": "integer"}, {"type": ["string", "null"]}
_NAMES = {"type": "array", "items": _STR}
_NULLABLE_NAMES = {"type": ["array", "null"], "items": _STR}

WEBHOOK_SCHEMAS: Json = {
    "WebhookRequest": {
        "type": "object",
        "required": ["name", "url"],
        "additionalProperties": False,
        "properties": {
            "name": {**_STR, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
            "url": {**_STR, "description": "`https://...`, or a URL of Apprise"},
            "secret": {**_STR, "description": "`whsec_...`; left out, one is made"},
            **dict.fromkeys(FILTERS, _NAMES),
            "events": {"type": "array", "items": {**_STR, "enum": [*EVENTS]}},
            "statuses": {"type": "array", "items": {**_STR, "enum": [*ENDED]}},
        },
    },
    "Webhook": {
        "type": "object",
        "properties": {
            **dict.fromkeys(("name", "url", "created", "api_href"), _STR),
            **dict.fromkeys(("secret", "created_by"), _NULLABLE),
            **dict.fromkeys(FILTERS, _NULLABLE_NAMES),
            "counts": {"type": "object", "additionalProperties": _INT},
            "deliveries": {"type": "array", "items": reference("Delivery")},
        },
    },
    "Webhooks": {"type": "array", "items": reference("Webhook")},
    "WebhookRemoved": {
        "type": "object",
        "properties": {"name": _STR, "removed": {"type": "boolean"}},
    },
    "WebhookRetried": {"type": "object", "properties": {"name": _STR, "retried": _INT}},
    "Delivery": {
        "type": "object",
        "properties": {
            **dict.fromkeys(("id", "event", "event_id", "subject", "created", "url"), _STR),
            "status": {**_STR, "enum": [WAITING, DELIVERED, GIVEN_UP]},
            "attempts": _INT,
            "code": {"type": ["integer", "null"]},
            **dict.fromkeys(("next_try", "answer"), _NULLABLE),
        },
    },
}
