"""Webhooks in the run store on both of its databases, and receivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from datanectar.notifications.records import Webhook
from datanectar.notifications.store import WebhookStore
from datanectar.runs.store import RunStore
from tests.runs.conftest import accept, shared_postgres, store, store_url  # noqa: F401
from tests.servers.receiver import Receiver, receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = ("127.0.0.0/8",)

AddWebhook = Callable[..., Webhook]


@pytest.fixture
def webhooks(store: RunStore) -> WebhookStore:  # noqa: F811
    return WebhookStore(store.database)


@pytest.fixture
def add(webhooks: WebhookStore) -> AddWebhook:
    """Store a webhook, and return it."""

    def add(name: str = "hook", url: str = "https://example.org/", **filters: list[str]) -> Webhook:
        webhook = Webhook(name, url, SECRET, 1.0, **filters)  # type: ignore[arg-type]
        webhooks.add(webhook)
        return webhook

    return add


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A receiver; each test sends to paths of its own, or looks at what is new."""
    with receiving() as receiver:
        yield receiver
