"""The outbox: of several senders one gets a delivery, and what is held for too long is free again."""

from __future__ import annotations

import threading

import pytest

from datanectar.errors import Conflict, NotFound
from datanectar.notifications import store as store_module
from datanectar.notifications.occasions import trial
from datanectar.notifications.records import DELIVERED, GIVEN_UP, WAITING
from datanectar.notifications.store import WebhookStore
from tests.notifications.conftest import AddWebhook


def put(webhooks: WebhookStore, count: int, name: str = "hook") -> None:
    for _ in range(count):
        webhooks.put_for(name, trial(name, None))


def test_of_several_senders_one_gets_a_delivery(webhooks: WebhookStore, add: AddWebhook) -> None:
    add()
    put(webhooks, 40)
    taken: list[str] = []
    start = threading.Barrier(4)

    def take() -> None:
        start.wait()
        while (claimed := webhooks.claim("hook", 60)) is not None:
            taken.append(claimed.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # On PostgreSQL a caller may find nothing while others hold what is due: it looks again later.
    assert len(taken) == len(set(taken)) == 40


def test_what_is_held_for_too_long_is_free_and_its_first_holder_settles_nothing(
    webhooks: WebhookStore, add: AddWebhook
) -> None:
    add()
    put(webhooks, 1)
    lost = webhooks.claim("hook", -1)
    assert lost is not None and webhooks.due() == ["hook"]

    taken = webhooks.claim("hook", 60)
    assert taken is not None and (taken.id, taken.attempts) == (lost.id, 2)
    webhooks.settle(lost, DELIVERED, 200, "late")
    assert webhooks.deliveries("hook", 1)[0].status == WAITING

    webhooks.settle(taken, DELIVERED, 204, "fine")
    assert webhooks.due() == []
    found = webhooks.deliveries("hook", 1)[0]
    assert (found.status, found.code, found.answer, found.next_try) == (
        DELIVERED,
        204,
        "fine",
        None,
    )
    assert webhooks.counts() == {"hook": {DELIVERED: 1}}


def test_what_was_given_up_can_be_sent_again(webhooks: WebhookStore, add: AddWebhook) -> None:
    add()
    put(webhooks, 3)
    for status in (GIVEN_UP, GIVEN_UP, DELIVERED):
        claimed = webhooks.claim("hook", 60)
        assert claimed is not None
        webhooks.settle(claimed, status, 500, "no")

    assert webhooks.retry("hook") == 2
    assert webhooks.retry("hook") == 0
    assert webhooks.counts() == {"hook": {WAITING: 2, DELIVERED: 1}}
    again = webhooks.claim("hook", 60)
    assert again is not None and again.attempts == 1


def test_a_removed_webhook_takes_along_what_waits_for_it(
    webhooks: WebhookStore, add: AddWebhook
) -> None:
    add("a")
    add("b")
    put(webhooks, 2, "a")
    put(webhooks, 1, "b")

    webhooks.remove("a")

    assert [hook.name for hook in webhooks.all()] == ["b"]
    assert webhooks.due() == ["b"]
    with pytest.raises(NotFound, match="'a'"):
        webhooks.remove("a")


def test_the_outbox_is_bounded(
    webhooks: WebhookStore,
    add: AddWebhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(store_module, "MOST_KEPT", 3)
    add()
    put(webhooks, 5)
    put(webhooks, 1, "of nobody")
    newest = [delivery.id for delivery in webhooks.deliveries("hook", 3)]

    webhooks.tidy()
    assert [delivery.id for delivery in webhooks.deliveries("hook", 9)] == newest
    assert webhooks.counts().keys() == {"hook"}
    assert "webhook hook: 2 events are lost" in caplog.text

    ended = webhooks.claim("hook", 60)
    assert ended is not None
    webhooks.settle(ended, DELIVERED, 200, "")
    monkeypatch.setattr(store_module, "KEPT_SECONDS", -60.0)
    webhooks.tidy()
    assert webhooks.counts() == {"hook": {WAITING: 2}}


def test_a_name_is_taken_once_and_there_are_no_more_than_there_may_be(
    webhooks: WebhookStore, add: AddWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("a", "mailto://somebody")
    with pytest.raises(Conflict, match="called a"):
        add("a")
    monkeypatch.setattr(store_module, "MOST_WEBHOOKS", 1)
    with pytest.raises(Conflict, match="the most"):
        add("b")
    assert [hook.url for hook in webhooks.all()] == ["mailto://somebody"]
