"""What is put for whom: in the transaction that ends a run, once, and only what was asked for."""

from __future__ import annotations

import pytest

from datanectar.messages import Outcome
from datanectar.notifications import occasions
from datanectar.notifications.outbox import put
from datanectar.notifications.records import Event, Webhook
from datanectar.notifications.store import WebhookStore
from datanectar.runs.records import WorkerRow
from datanectar.runs.store import RunStore
from datanectar.statuses import CANCELLED, DONE, FAILED
from tests.notifications.conftest import AddWebhook
from tests.runs.conftest import Accept, new_run


def end(store: RunStore, run_id: str, outcome: Outcome) -> None:
    run = store.claim(run_id, "worker", 30)
    assert run is not None
    assert store.finish(run_id, run.attempt, "worker", outcome)


def told(webhooks: WebhookStore, name: str = "hook") -> list[Event]:
    return [delivery.event for delivery in webhooks.deliveries(name, 99)][::-1]


def test_every_kind_of_end_is_put_for_who_asks_for_it(
    store: RunStore, accept: Accept, webhooks: WebhookStore, add: AddWebhook
) -> None:
    add("all")
    add("failures", statuses=[FAILED, CANCELLED])
    add("others", types=["other"])
    add("tasks", tasks=["HelloTask"], chains=["hello_chain"], events=["run.ended"])

    end(store, accept("a", size="3"), Outcome(DONE))
    end(store, accept("b"), Outcome(FAILED, "no rows", failed_key="k"))
    store.request_cancel(accept("c"))
    store.accept_done(new_run("d"))

    statuses = [event.data["job_status"] for event in told(webhooks, "all")]
    assert statuses == [DONE, FAILED, CANCELLED, DONE]
    assert [event.data["job_status"] for event in told(webhooks, "failures")] == statuses[1:3]
    assert told(webhooks, "others") == []
    assert told(webhooks, "tasks") == told(webhooks, "all")
    first, second = told(webhooks, "all")[:2]
    assert first.subject == "greetings/hello_chain/HelloTask"
    assert first.data["parameters"] == {"size": "3"}  # not the private one
    assert first.page == f"/runs/{first.data['run_id']}"
    assert (second.data["error"], second.data["failed_key"]) == ("no rows", "k")


def test_an_end_that_is_not_committed_is_put_for_nobody(
    store: RunStore, accept: Accept, webhooks: WebhookStore, add: AddWebhook
) -> None:
    add()
    run_id = accept()
    run = store.claim(run_id, "worker", 30)
    assert run is not None
    with pytest.raises(ZeroDivisionError), store.database.write() as connection:
        put(connection, lambda: occasions.run_ended(run))
        raise ZeroDivisionError

    assert told(webhooks) == []


def test_what_is_put_twice_is_there_once(webhooks: WebhookStore, add: AddWebhook) -> None:
    add()
    worker = WorkerRow("w-1", "host", 1, 1.0, 2, 1000.0)
    for _ in range(2):
        webhooks.put(lambda: occasions.worker_lost(worker, "worker w-1 died"))
        webhooks.put(lambda: occasions.schedule_missed("a/b_chain/C", "a/b_chain/C *", 9.0, "x"))
    webhooks.put(lambda: occasions.schedule_missed("a/b_chain/C", "a/b_chain/C *", 99.0, "x"))

    assert [event.name for event in told(webhooks)] == [
        "worker.lost",
        "schedule.missed",
        "schedule.missed",
    ]


def test_without_a_webhook_no_event_is_made(webhooks: WebhookStore) -> None:
    webhooks.put(lambda: pytest.fail("an event for nobody"))


def test_an_event_is_bounded_whatever_the_run_has(
    store: RunStore, accept: Accept, webhooks: WebhookStore, add: AddWebhook
) -> None:
    add()
    end(store, accept("a", long="x" * 50_000), Outcome(FAILED, "e" * 50_000))
    end(store, accept("b", **{f"p{n}": "x" * 900 for n in range(60)}), Outcome(DONE))

    long, many = told(webhooks)
    assert len(long.data["parameters"]["long"]) == 1000
    assert len(long.data["error"]) == 4000
    assert many.data["parameters"] == {}


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, ["run", "schedule", "worker"]),
        ({"events": ["worker.lost"]}, ["worker"]),
        ({"types": ["etl"]}, ["run", "schedule"]),
        ({"types": ["other"]}, []),
        ({"tasks": ["ReportTask"], "chains": ["day_chain"]}, ["run", "schedule"]),
        ({"statuses": ["FAILED"]}, ["schedule", "worker"]),
        ({"statuses": ["DONE"], "events": ["run.ended"]}, ["run"]),
    ],
)
def test_filters(filters: dict[str, list[str]], wanted: list[str]) -> None:
    place = {"type": "etl", "chain": "day_chain", "task": "ReportTask"}
    events = {
        "run": Event("1", "run.ended", "s", 0.0, "/", {**place, "job_status": "DONE"}),
        "schedule": Event("2", "schedule.missed", "s", 0.0, "/", place),
        "worker": Event("3", "worker.lost", "s", 0.0, "/", {"worker": "w"}),
    }
    webhook = Webhook("hook", "https://example.org/", "", 0.0, **filters)  # type: ignore[arg-type]
    assert [name for name, event in events.items() if webhook.wants(event)] == wanted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org", "https://example.org/"),
        ("https://example.org/hooks/s3cret?token=s3cret", "https://example.org/..."),
        ("http://ada:s3cret@example.org:8080/", "http://example.org:8080/"),
        ("mailto://ada:s3cret@example.org", "mailto://..."),
        ("slack://T1/s3cret/x", "slack://..."),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert Webhook("hook", url, "", 0.0).shown_url == shown
