"""Sends what waits for webhooks, beside the runs of a worker: nothing here holds these up.

Each webhook has a thread while something is due for it, so that a receiver that hangs keeps nothing
from the others. What is not delivered is tried again later, and given up in the end.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from datanectar.errors import DatanectarError, NotFound
from datanectar.notifications.occasions import iso_time
from datanectar.notifications.records import DELIVERED, GIVEN_UP, WAITING, Delivery, Event, Webhook
from datanectar.notifications.sending import apprise_post, http_post
from datanectar.notifications.sending.http_post import Answer
from datanectar.notifications.sending.signing import signed_headers
from datanectar.notifications.store import WebhookStore
from datanectar.settings import Settings

log = logging.getLogger(__name__)

#: Seconds after each attempt until the next: those that Standard Webhooks proposes, 27 hours in all.
DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
#: By how much of itself a delay is longer or shorter, so that not all come back at once.
_JITTER = 0.2
#: Seconds for which a delivery is held by who sends it. More than any attempt takes.
HOLD = 90.0
#: Seconds between two clean-ups.
_TIDY = 60.0
#: The HTTP status by which a receiver says that it never wants it.
_GONE = 410


class Sender:
    """Sends the deliveries that are due.

    Args:
        store: has the webhooks and the deliveries.
        settings: the settings in force.
        delays: seconds after each attempt until the next.
    """

    def __init__(
        self, store: WebhookStore, settings: Settings, delays: Sequence[float] = DELAYS
    ) -> None:
        self._store = store
        self._settings = settings
        self._delays = delays
        self._threads: dict[str, threading.Thread] = {}
        self._tidied = float("-inf")

    def send_due(self) -> list[threading.Thread]:
        """Have threads send what is due; return those that are at it."""
        if time.monotonic() - self._tidied > _TIDY:
            self._tidied = time.monotonic()
            self._store.tidy()
        self._threads = {name: one for name, one in self._threads.items() if one.is_alive()}
        for name in self._store.due():
            if name not in self._threads:
                thread = threading.Thread(
                    target=self._send_all, args=[name], name="webhook", daemon=True
                )
                self._threads[name] = thread
                thread.start()
        return list(self._threads.values())

    def _send_all(self, name: str) -> None:
        """Send what is due for a webhook, one after another."""
        try:
            while (claimed := self._store.claim(name, HOLD)) is not None:
                self._settle(claimed, self._send(claimed))
        except DatanectarError as problem:  # it is held no longer after a while, and sent then
            log.warning("webhook %s: %s", name, problem.message)
        except Exception:
            log.exception("webhook %s: what was to be sent waits", name)

    def _send(self, claimed: Delivery) -> Answer:
        try:
            webhook = self._store.get(claimed.webhook)
        except NotFound as problem:
            return Answer(False, problem.message, _GONE)
        page = (self._settings.public_url or self._settings.app_url) + claimed.event.page
        if not webhook.is_http:
            return apprise_post.send(webhook.url, claimed.event, page, self._settings)
        return self._post(webhook, claimed.event, page)

    def _post(self, webhook: Webhook, event: Event, page: str) -> Answer:
        body = json.dumps(cloud_event(event, page)).encode()
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": f"datanectar/{version('datanectar')}",
            "Connection": "close",
            **signed_headers(webhook.secret, event.id, int(time.time()), body),
        }
        return http_post.post(webhook.url, headers, body, self._settings.webhook_networks)

    def _settle(self, claimed: Delivery, answer: Answer) -> None:
        pauses = self._delays[claimed.attempts - 1 : claimed.attempts]
        if answer.is_ok:
            self._store.settle(claimed, DELIVERED, answer.code, answer.text)
        elif pauses and answer.code != _GONE:
            again_in = pauses[0] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
            self._store.settle(claimed, WAITING, answer.code, answer.text, again_in)
        else:
            self._store.settle(claimed, GIVEN_UP, answer.code, answer.text)
            what = f"{claimed.event.name} {claimed.event.subject}"
            words = f"{answer.code} {answer.text}" if answer.code else answer.text
            log.error("webhook %s is not told of %s: %s", claimed.webhook, what, _line(words))


def _line(text: str) -> str:
    """Return the beginning of what a receiver said, as it may be in a log: of one line."""
    return "".join(each if each.isprintable() else " " for each in text[:200])


def cloud_event(event: Event, page: str) -> dict[str, Any]:
    """Return an event in CloudEvents' JSON format (github.com/cloudevents/spec, 1.0).

    Args:
        event: what happened.
        page: the address of the page about it.
    """
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": page.removesuffix(event.page),
        "type": f"datanectar.{event.name}",
        "subject": event.subject,
        "time": iso_time(event.time),
        "datacontenttype": "application/json",
        "data": {**event.data, "url": page},
    }
