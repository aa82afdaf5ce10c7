"""Traces as a receiver gets them: one of each run, from the request to what its tasks do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from datanectar.telemetry.traceparent import checked, of_task
from tests.api.answers import data
from tests.servers.otlp import Received
from tests.servers.stack import Stack
from tests.telemetry.conftest import CHAIN, Watched

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"
PLACE = "watch/watched_chain"


def test_a_request_and_all_that_comes_of_it_are_one_trace(watched: Watched) -> None:
    stack, receiver = watched.stack, watched.receiver
    answer = stack.post(f"{PLACE}/OwnSpanTask?word=traced", headers={"traceparent": SENT})
    run_id, key = data(answer)["run_id"], data(answer)["key"]
    assert stack.ended(key)["job_status"] == "DONE"

    route = "/api/chains/<type>/<chain>/<task_name:task>"
    request = receiver.named(f"POST {route}", datanectar_run_id=run_id)
    queue = receiver.named("queue", datanectar_run_id=run_id)
    attempt = receiver.named(f"attempt {PLACE}/OwnSpanTask", datanectar_run_id=run_id)
    leaf = receiver.named(f"task {PLACE}/LeafTask", TRACE)
    root = receiver.named(f"task {PLACE}/OwnSpanTask", TRACE)
    own = receiver.named("own", TRACE)

    spans = (request, queue, attempt, leaf, root, own)
    assert {span.trace for span in spans} == {TRACE}
    assert request.parent == "00f067aa0ba902b7"
    assert (queue.parent, attempt.parent) == (request.id, request.id)
    assert (leaf.parent, root.parent) == (attempt.id, attempt.id)
    assert own.parent == root.id
    assert (request.process, queue.process, attempt.process) == ("web", "worker", "worker")
    assert request.attributes["http.response.status_code"] == 200
    assert attempt.attributes["datanectar.run.status"] == "DONE"
    assert _contains(attempt, leaf) and _contains(attempt, root) and leaf.ended <= root.began
    assert all(span.error is None for span in spans)
    # A program that a task starts finds the task's span.
    leaf_key = leaf.attributes["datanectar.task.key"]
    assert stack.file(leaf_key).read_text().startswith(f"00-{TRACE}-{leaf.id}-")


def _contains(outer: Received, inner: Received) -> bool:
    return outer.began <= inner.began and inner.ended <= outer.ended


def test_what_fails_is_marked(watched: Watched) -> None:
    body = data(watched.stack.post(f"{PLACE}/BrokenTask?word=traced"))
    watched.stack.ended(body["key"])
    attempt = watched.receiver.named(
        f"attempt {PLACE}/BrokenTask", datanectar_run_id=body["run_id"]
    )
    assert "this is broken" in (attempt.error or "")
    task = next(
        one
        for one in watched.receiver.spans
        if one.name.startswith("task ") and one.parent == attempt.id
    )
    assert "this is broken" in (task.error or "")


def test_nothing_is_sent_of_a_trace_that_is_not_sampled(watched: Watched) -> None:
    unsampled = f"00-{'a' * 32}-{'b' * 16}-00"
    answer = watched.stack.post(f"{PLACE}/TellsTask?word=un", headers={"traceparent": unsampled})
    key = data(answer)["key"]
    assert watched.stack.ended(key)["job_status"] == "DONE"
    told = watched.stack.file(key).read_text()
    assert told.startswith(f"00-{'a' * 32}-") and told.endswith("-00")
    test_what_fails_is_marked(watched)  # what is sent later has arrived
    assert not [one for one in watched.receiver.spans if one.trace == "a" * 32]


def test_a_traceparent_is_passed_on_while_nothing_is_sent(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.environ["TRACEPARENT"] = f"00-{'c' * 32}-{'d' * 16}-01"  # of who started the service
    stack.chain(PLACE, CHAIN)
    stack.start()
    told = []
    for word, headers in (("with", {"traceparent": SENT}), ("without", {})):
        key = data(stack.post(f"{PLACE}/TellsTask?word={word}", headers=headers))["key"]
        assert stack.ended(key)["job_status"] == "DONE"
        told.append(stack.file(key).read_text())
    assert told[0].startswith(f"00-{TRACE}-") and told[0] != SENT
    assert told[1] == "none"
    assert "datanectar.events" not in stack.output("web") + stack.output("worker")


def python(script: str, **environ: str) -> str:
    """Run a script that has ``traces``; return what it writes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nfrom datanectar.telemetry import traces\n{script}"],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


LOADED = "traces.set_up('web'); print('opentelemetry' in sys.modules)"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("environ", "is_loaded"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9"}, False),
    ],
)
def test_opentelemetry_is_loaded_only_when_it_is_asked_for(
    environ: dict[str, str], is_loaded: bool
) -> None:
    assert python(LOADED, **environ).strip() == str(is_loaded)


@pytest.mark.parametrize(
    ("script", "more"),
    [
        ("sys.modules['opentelemetry'] = None\n", {}),
        ("", {"OTEL_TRACES_EXPORTER": "carrier-pigeon"}),
        ("", {"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke/signals"}),
    ],
)
def test_what_is_asked_for_and_not_installed_is_told(script: str, more: dict[str, str]) -> None:
    told = python(
        f"{script}traces.set_up('web')\nwith traces.span('goes on'): pass", **ENDPOINT, **more
    )
    assert "Install datanectar[otel]" in told


def test_a_receiver_that_never_answers_holds_no_end_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        script = (
            "traces.set_up('web')\nwith traces.span('unsent'): pass\ntraces.close()\nprint('end')"
        )
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "end" in python(script, OTEL_EXPORTER_OTLP_ENDPOINT=url)


@pytest.mark.parametrize(
    "text",
    ["", SENT.upper(), f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01", SENT + "-x",
     "ff" + SENT[2:], SENT[:-1], SENT + "\n"],
)  # fmt: skip
def test_what_is_no_traceparent_is_dropped(text: str) -> None:
    assert checked(text) is None


def test_a_later_version_of_traceparent_is_read_as_far_as_it_is_known() -> None:
    assert checked(f"01{SENT[2:]}-more") == SENT


def test_tasks_have_spans_of_their_own_in_the_same_trace() -> None:
    first, second = of_task(SENT, "A_1"), of_task(SENT, "B_2")
    assert first != second and of_task(SENT, "A_1") == first
    assert first is not None and checked(first) == first
    assert (first[:36], first[-2:]) == (SENT[:36], SENT[-2:])
    assert of_task(None, "A_1") is None
