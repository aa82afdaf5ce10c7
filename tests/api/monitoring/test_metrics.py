"""What Prometheus gets of runs that have ended."""

from __future__ import annotations

import sys
from collections.abc import Callable

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.api.answers import data
from tests.servers.processes import free_port, responds, wait_for
from tests.servers.stack import Stack

WAITS = """import contextlib
import time
from pathlib import Path

from datanectar import NectarTask
from datanectar.errors import StorageError
from datanectar.storage.registry import storage_named


class WaitsTask(NectarTask):
    def run(self):
        while not Path("../go").exists():
            time.sleep(0.05)
        with self.output().open("w") as out:
            out.write("done")


class AsksTask(NectarTask):
    def run(self):
        with contextlib.suppress(StorageError):
            storage_named("s3://nowhere").exists(self.key, "out.txt")
        with self.output().open("w") as out:
            out.write("done")
"""
#: Nothing listens there.
NO_S3 = {
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_MAX_ATTEMPTS": "1",
}
PATH = {"type": "watch", "chain": "waits_chain", "task": "WaitsTask"}


def test_ended_runs_are_counted_with_their_durations(stack: Stack) -> None:
    body = data(stack.post("basic/plain_chain/GreetTask?name=counted"))
    stack.ended(body["key"])

    families = {
        family.name: family for family in text_string_to_metric_families(stack.get("/metrics").text)
    }
    task = {"type": "basic", "chain": "plain_chain", "task": "GreetTask"}
    (ended,) = families["datanectar_runs_ended"].samples
    assert (ended.name, ended.value) == ("datanectar_runs_ended_total", 1)
    assert ended.labels == {**task, "status": "DONE"}
    durations = families["datanectar_run_duration_seconds"].samples
    by_bound = {one.labels["le"]: one.value for one in durations if "le" in one.labels}
    assert (by_bound["0.1"] <= by_bound["60"], by_bound["+Inf"]) == (True, 1)
    assert sorted(by_bound.values()) == [*by_bound.values()]
    (summed,) = [one for one in durations if one.name.endswith("_sum")]
    assert summed.labels == task and 0 < summed.value < 300

    peak = "datanectar_task_peak_memory_bytes"
    wait_for(lambda: told(stack.url, f"{peak}_count", **task), "the worker adds its counts")
    assert told(stack.url, f"{peak}_count", **task) == 1
    assert told(stack.url, f"{peak}_bucket", **task, le="+Inf") == 1
    assert 2**20 < (told(stack.url, f"{peak}_sum", **task) or 0) < 2**33
    assert (told(stack.url, "datanectar_run_cpu_seconds_total", **task) or 0) > 0


def told(url: str, name: str, **labels: str) -> float | None:
    """Return what a web tells of a metric with these labels; None: nothing."""
    families = text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=30).text)
    samples = [sample for family in families for sample in family.samples]
    return next((one.value for one in samples if (one.name, one.labels) == (name, labels)), None)


def test_what_is_lost_is_counted_once_and_every_web_tells_it(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(**NO_S3)
    stack.chain("watch/waits_chain", WAITS)
    stack.start()
    key = data(stack.post("watch/waits_chain/WaitsTask"))["key"]
    wait_for(lambda: stack.status(key)["job_status"] == "RUNNING", "the run runs")
    stack.stop("luigid")
    stack.kill("worker")
    stack.start_worker("second")
    stack.start_worker("third")
    other = f"http://127.0.0.1:{free_port()}"
    stack.spawn(
        "other web",
        [sys.executable, "-m", "datanectar", "web"],
        {"DATANECTAR_PORT": other.rpartition(":")[2]},
    )
    wait_for(lambda: responds(f"{other}/healthz"), "the other web is up")
    assert data(requests.get(f"{other}/readyz", timeout=30))["scheduler"] is False

    lost, errors = "datanectar_workers_lost_total", "datanectar_errors_total"
    wait_for(lambda: told(other, lost), "the loss is counted")
    refused = {"part": "luigid", "kind": "ConnectionRefusedError"}
    wait_for(lambda: told(other, errors, **refused), "luigid's absence is counted")
    for url in (stack.url, other):
        assert told(url, lost) == 1
        assert told(url, "datanectar_attempts_lost_total", **PATH) == 1

    stack.start_luigid()
    (stack.project / "go").touch()
    assert stack.ended(key)["job_status"] == "DONE"
    assert stack.run("watch/waits_chain/AsksTask")["job_status"] == "DONE"
    s3 = {"part": "s3", "kind": "EndpointConnectionError"}
    wait_for(lambda: told(other, errors, **s3), "the error of a task's process is counted")
