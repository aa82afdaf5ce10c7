"""Sending: each event once, whoever sends; tried again later; nothing holds up anything else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook as Verifier

from datanectar.messages import Outcome
from datanectar.notifications.occasions import trial
from datanectar.notifications.records import DELIVERED, GIVEN_UP, WAITING, Delivery
from datanectar.notifications.sending import http_post
from datanectar.notifications.sending.sender import DELAYS, Sender
from datanectar.notifications.store import WebhookStore
from datanectar.runs.store import RunStore
from datanectar.settings import load
from datanectar.statuses import FAILED
from tests.notifications.conftest import SECRET, AddWebhook
from tests.runs.conftest import Accept
from tests.servers.processes import free_port
from tests.servers.receiver import Receiver

MakeSender = Callable[..., Sender]


@pytest.fixture
def sender(webhooks: WebhookStore) -> MakeSender:
    """Make a sender as each worker has one."""
    settings = load(
        {
            "DATANECTAR_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "DATANECTAR_PUBLIC_URL": "https://data.example/dn/",
        }
    )

    def make(delays: Sequence[float] = DELAYS) -> Sender:
        return Sender(webhooks, settings, delays)

    return make


def send_all(*senders: Sender) -> None:
    """Have senders send what is due, at once, and wait for the end of that."""
    for thread in [thread for sender in senders for thread in sender.send_due()]:
        thread.join()


def last(webhooks: WebhookStore, name: str = "hook") -> Delivery:
    return webhooks.deliveries(name, 1)[0]


def test_a_receiver_verifies_and_reads_the_event(
    store: RunStore,
    accept: Accept,
    webhooks: WebhookStore,
    add: AddWebhook,
    sender: MakeSender,
    receiver: Receiver,
) -> None:
    add(url=f"{receiver.url}/200?reads")
    run_id = accept("a", day="2026-01-02")
    store.claim(run_id, "worker", 30)
    store.finish(run_id, 1, "worker", Outcome(FAILED, "no rows"))

    before = len(receiver.received)
    send_all(sender())

    (request,) = receiver.received[before:]
    Verifier(SECRET).verify(request.body, request.headers)
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    event = JSONFormat().read(CloudEvent, request.body)
    assert event.get_id() == request.headers["webhook-id"]
    assert event.get_type() == "datanectar.run.ended"
    assert event.get_source() == "https://data.example/dn"
    assert event.get_subject() == "greetings/hello_chain/HelloTask"
    data = event.get_data()
    assert isinstance(data, dict)
    assert (data["job_status"], data["error"]) == (FAILED, "no rows")
    assert data["parameters"] == {"day": "2026-01-02"}
    assert data["url"] == f"https://data.example/dn/runs/{run_id}"
    assert (last(webhooks).status, last(webhooks).code) == (DELIVERED, 200)
    assert "s3cret" not in request.body.decode()


def test_two_workers_deliver_each_event_once(
    webhooks: WebhookStore, add: AddWebhook, sender: MakeSender, receiver: Receiver
) -> None:
    add(url=f"{receiver.url}/200?once")
    for _ in range(30):
        webhooks.put_for("hook", trial("hook", None))

    before = len(receiver.received)
    senders = [sender(), sender()]
    while webhooks.due():
        send_all(*senders)

    ids = [json.loads(request.body)["id"] for request in receiver.received[before:]]
    assert len(ids) == len(set(ids)) == 30


@pytest.mark.parametrize("how", ["500", "redirect?/200", "hang", "gone"])
def test_what_is_not_taken_is_tried_again_and_given_up_in_the_end(
    webhooks: WebhookStore,
    add: AddWebhook,
    sender: MakeSender,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: str,
) -> None:
    monkeypatch.setattr(http_post, "SECONDS", 0.3)
    place = f"http://127.0.0.1:{free_port()}" if how == "gone" else receiver.url
    add(url=f"{place}/{how}")
    webhooks.put_for("hook", trial("hook", None))
    before = len(receiver.received)

    one = sender(delays=(100.0, -1.0, -1.0))
    send_all(one)
    waits = last(webhooks)
    assert (waits.status, waits.attempts) == (WAITING, 1)
    assert waits.next_try is not None and 79 < waits.next_try - waits.created < 130
    assert webhooks.due() == []
    webhooks.settle(waits, WAITING, None, "", again_in=-1)  # as if that time were over
    with caplog.at_level(logging.ERROR):
        while webhooks.due():
            send_all(one)

    ended = last(webhooks)
    assert (ended.status, ended.attempts, ended.next_try) == (GIVEN_UP, 4, None)
    assert "hook is not told of webhook.test" in caplog.text
    assert SECRET not in caplog.text and place not in caplog.text
    sent = receiver.received[before:]
    assert len(sent) == (0 if how == "gone" else 4)
    assert len({request.headers["webhook-id"] for request in sent}) <= 1


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(
    webhooks: WebhookStore, add: AddWebhook, sender: MakeSender, receiver: Receiver
) -> None:
    add(url=f"{receiver.url}/410")
    webhooks.put_for("hook", trial("hook", None))
    send_all(sender())
    assert (last(webhooks).status, last(webhooks).attempts) == (GIVEN_UP, 1)


def test_a_receiver_that_hangs_keeps_nothing_from_the_others(
    webhooks: WebhookStore, add: AddWebhook, sender: MakeSender, receiver: Receiver
) -> None:
    for number in range(6):
        add(f"hangs{number}", f"{receiver.url}/hang")
        webhooks.put_for(f"hangs{number}", trial("hangs", None))
    add("works", f"{receiver.url}/200")
    webhooks.put_for("works", trial("works", None))

    one = sender()
    one.send_due()
    one._threads["works"].join()

    assert last(webhooks, "works").status == DELIVERED
    assert {last(webhooks, f"hangs{number}").status for number in range(6)} == {WAITING}
    receiver.over.set()  # those that hang end, and their threads
    for thread in one.send_due():
        thread.join()
    receiver.over.clear()


def test_what_a_removed_webhook_still_had_is_given_up(
    webhooks: WebhookStore, sender: MakeSender
) -> None:
    webhooks.put_for("gone", trial("gone", None))
    one = sender()
    one._tidied = float("inf")
    send_all(one)
    assert last(webhooks, "gone").status == GIVEN_UP
