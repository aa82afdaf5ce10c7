"""Messages that are lost, and a queue that is away: the run store knows what waits."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from datanectar.queue import RUN_MESSAGE, RunQueue
from tests.servers.evidence import FAULTY
from tests.servers.processes import wait_for
from tests.servers.relay import Relay
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def relay(redis_url: str) -> Iterator[Relay]:
    relay = Relay("127.0.0.1", urlsplit(redis_url).port or 0)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def environ(relay: Relay) -> dict[str, str]:
    return {"DATANECTAR_QUEUE_URL": f"redis://127.0.0.1:{relay.port}/1"}


def post(stack: Stack, name: str) -> dict[str, object]:
    return stack.client.post(f"{FAULTY}/WorkTask", name=name)


def test_a_post_is_answered_though_the_queue_is_away_and_runs_when_it_is_back(
    stack: Stack, relay: Relay
) -> None:
    relay.refuse()
    try:
        answer = post(stack, "queueless")
        assert answer["job_status"] == "PENDING"
        assert stack.get("/readyz").status_code == 503
    finally:
        relay.admit()

    assert stack.ended(str(answer["key"]))["job_status"] == "DONE"


def test_runs_whose_messages_were_lost_run_though_other_messages_come(stack: Stack) -> None:
    stack.stop("worker")
    runs = [post(stack, f"lost-{n}") for n in range(3)]
    queue = RunQueue(stack.environ["DATANECTAR_QUEUE_URL"])
    queue.huey.storage.flush_queue()
    runs.append(post(stack, "kept"))
    assert queue.size() == 1

    stack.start_worker()

    assert {stack.ended(str(run["key"]))["job_status"] for run in runs} == {"DONE"}
    wait_for(lambda: queue.size() == 0, "the queue does not grow by it")


def test_messages_that_come_twice_or_for_no_run_do_nothing(stack: Stack) -> None:
    done = stack.run(f"{FAULTY}/WorkTask", name="twice")
    queue = RunQueue(stack.environ["DATANECTAR_QUEUE_URL"])
    for run_id in (done["run_id"], "0123456789abcdefghjkmnpqrs", "nonsense"):
        queue.send(RUN_MESSAGE, run_id)

    wait_for(lambda: queue.size() == 0, "they are handled")

    status = stack.status(str(done["key"]))
    assert (status["job_status"], status["attempts"]) == ("DONE", 1)
    assert stack.run(f"{FAULTY}/WorkTask", name="after")["job_status"] == "DONE"
