"""``/api/runs``: what has been, page by page, and what is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.processes import is_running, wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


@pytest.fixture(scope="module")
def history(stack: Stack) -> dict[str, str]:
    """Run ids by name: three that are done, one that failed."""
    ids = {
        name: stack.run("basic/plain_chain/GreetTask", name=name)["run_id"]
        for name in ("ann", "bob", "cy=d")
    }
    ids["bad"] = stack.run(f"{JOBS}/FlakyTask", name="bad", cure="/no/cure")["run_id"]
    return {name: str(run_id) for name, run_id in ids.items()}


def listed(stack: Stack, **query: Any) -> list[str]:
    return [run["id"] for run in data(stack.get("/api/runs", params=query))["runs"]]


def cancel(stack: Stack, run_id: str) -> dict[str, Any]:
    return dict(data(requests.delete(f"{stack.url}/api/runs/{run_id}", timeout=30)))


def test_runs_are_listed_newest_first(stack: Stack, history: dict[str, str]) -> None:
    assert listed(stack) == list(reversed(history.values()))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"type": "http"}, ["bad"]),
        ({"type": "basic", "chain": "plain_chain"}, ["cy=d", "bob", "ann"]),
        ({"chain": "jobs_chain"}, ["bad"]),
        ({"task": "FlakyTask"}, ["bad"]),
        ({"status": "FAILED"}, ["bad"]),
        ({"status": "failed", "type": "basic"}, []),
        ({"status": "DONE"}, ["cy=d", "bob", "ann"]),
        ({"param": "name=bob"}, ["bob"]),
        ({"param": "name=cy=d"}, ["cy=d"]),
        ({"param": "name=bo"}, []),
        ({"param": ["name=bad", "cure=/no/cure"]}, ["bad"]),
        ({"type": "no'; DROP TABLE runs; --"}, []),
    ],
)
def test_runs_can_be_filtered(
    stack: Stack, history: dict[str, str], query: dict[str, Any], names: list[str]
) -> None:
    assert listed(stack, **query) == [history[name] for name in names]


def test_runs_can_be_filtered_by_key_and_time(stack: Stack, history: dict[str, str]) -> None:
    bob = data(stack.get(f"/api/runs/{history['bob']}"))
    instant = datetime.fromisoformat(bob["created"])
    second = timedelta(seconds=1)

    assert listed(stack, key=bob["key"]) == [history["bob"]]
    assert listed(stack, param="name=bob", since=bob["created"], until=bob["created"])
    assert not listed(stack, param="name=bob", since=(instant + second).isoformat())
    assert not listed(stack, param="name=bob", until=(instant - second).isoformat())
    east = instant.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert listed(stack, param="name=bob", since=east.isoformat())
    zulu = (instant - second).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert stack.get(f"/api/runs?since={east.isoformat()}").status_code == 200  # + as a space
    assert history["bob"] in listed(stack, since=zulu)


def test_pages_follow_each_other_without_gap_or_overlap(
    stack: Stack, history: dict[str, str]
) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    pages = 0
    while True:
        page = data(stack.get("/api/runs", params=query))
        seen += [run["id"] for run in page["runs"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        assert len(page["runs"]) == 3
        query["cursor"] = page["next_cursor"]

    assert seen == list(reversed(history.values()))
    assert pages == 2


def test_a_run_is_shown_with_its_parameters_its_error_and_its_graph(
    stack: Stack, history: dict[str, str]
) -> None:
    run = data(stack.get(f"/api/runs/{history['bad']}"))

    assert run["parameters"] == {"name": "bad", "cure": "/no/cure", "gate": ""}
    assert (run["job_status"], run["attempts"], run["trigger"]) == ("FAILED", 1, "http")
    assert run["error"] == "ValueError: bad is sick"
    (node,) = run["graph"]["nodes"]
    assert node["status"] == "FAILED"
    assert node["peak_memory"] > 10**6 and node["cpu_time"] >= 0
    status = data(stack.get(run["status_url"].removeprefix(stack.url)))
    assert status["run_id"] == history["bad"]


def test_a_run_that_has_ended_stays_as_it_is(stack: Stack, history: dict[str, str]) -> None:
    for name, status in (("ann", "DONE"), ("bad", "FAILED")):
        answer = requests.delete(f"{stack.url}/api/runs/{history[name]}", timeout=30)
        assert f"has ended already ({status})" in refused(answer, 409)["message"]
        assert data(stack.get(f"/api/runs/{history[name]}"))["job_status"] == status


def test_a_run_can_be_stopped_with_all_its_processes(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "never"
    body = data(stack.post(f"{JOBS}/GatedTask", params={"name": "endless", "gate": gate}))
    wait_for(lambda: stack.status(body["key"])["job_status"] == "RUNNING", "it runs")
    wait_for(lambda: stack.file(body["key"], "log").exists(), "its log is there")
    pids = _with_open_file(stack.file(body["key"], "log"))
    assert pids

    cancel(stack, body["run_id"])

    status = stack.ended(body["key"])
    assert (status["job_status"], status["error"]) == ("CANCELLED", "cancelled")
    wait_for(lambda: not any(map(is_running, pids)), "its processes are gone")
    assert not stack.file(body["key"]).exists()
    assert cancel(stack, body["run_id"])["job_status"] == "CANCELLED"
    gate.touch()
    assert stack.run(f"{JOBS}/GatedTask", name="endless")["job_status"] == "DONE"


def _with_open_file(file: Path) -> list[int]:
    """Return the pids of the processes that have the file open."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(opened.path == str(file) for opened in process.open_files()):
                found.append(process.pid)
    return found


def test_a_run_that_waits_can_be_stopped_before_it_starts(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    body = data(stack.post("basic/plain_chain/GreetTask?name=early"))

    cancelled = cancel(stack, body["run_id"])

    assert cancelled["job_status"] == "CANCELLED"
    assert stack.status(body["key"])["job_status"] == "CANCELLED"
    again = data(stack.post("basic/plain_chain/GreetTask?name=early"))
    assert again["run_id"] != body["run_id"]
    refused(requests.delete(f"{stack.url}/api/runs/{'0' * 26}", timeout=30), 404)


def test_lists_have_the_beginning_of_a_long_parameter_and_the_run_has_it_whole(
    stack: Stack,
) -> None:
    """fault 3.17"""
    long = "x" * 65_536
    run_id = data(stack.post("basic/plain_chain/GreetTask", data={"name": long}))["run_id"]

    runs = data(stack.get("/api/runs", params={"task": "GreetTask"}))["runs"]
    shown = next(run["parameters"]["name"] for run in runs if run["id"] == run_id)

    assert shown == f"{'x' * 500}… (65536 characters)"
    assert data(stack.get(f"/api/runs/{run_id}"))["parameters"]["name"] == long
    assert all("x" * 501 not in stack.get(page).text for page in ("/", "/history"))
    too_long = stack.post("basic/plain_chain/GreetTask", data={"name": long + "x"})
    assert list(refused(too_long, 413)["data"]["fields"]) == ["name"]
