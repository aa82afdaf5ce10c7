"""POST: what it answers, what it starts, and what it does not start twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


def runs_of(stack: Stack, **filters: str) -> list[dict[str, Any]]:
    return list(data(stack.get("/api/runs", params=filters))["runs"])


def test_the_short_form_finds_the_chain(stack: Stack) -> None:
    short = data(stack.post("basic/GreetTask?name=short"))

    long = data(stack.post("basic/plain_chain/GreetTask?name=short"))
    assert short["key"] == long["key"]
    assert stack.ended(short["key"])["job_status"] == "DONE"


def test_the_short_form_of_two_chains_is_409_with_the_candidates(stack: Stack) -> None:
    body = refused(stack.post("http/TwinTask"), 409)

    assert body["data"]["fields"] == {
        "first_twin_chain": "/api/chains/http/first_twin_chain/TwinTask",
        "second_twin_chain": "/api/chains/http/second_twin_chain/TwinTask",
    }
    assert "/api/chains/http/second_twin_chain/TwinTask" in body["message"]
    for path in body["data"]["fields"].values():
        data(stack.post(path.removeprefix("/api/chains/")))


def test_the_key_route_explains_and_starts_nothing(stack: Stack) -> None:
    path = f"/api/chains/{JOBS}/GatedTask/key"
    explained = data(stack.get(path, params={"name": "dry", "evidence": "/no/where"}))

    hashed = '{"name": "dry"}'
    assert explained["hashed"] == hashed
    assert explained["key"] == f"chains/{JOBS}/GatedTask/{hashlib.md5(hashed.encode()).hexdigest()}"
    assert explained["parameters"] == {"name": "dry", "gate": "", "evidence": "/no/where"}
    assert explained["defaults"] == ["gate"]
    assert (explained["complete"], explained["made_by_run"]) == (False, None)
    refused(stack.get("/api/chainstatus", params={"chain": explained["key"]}), 404)

    made = stack.run(f"{JOBS}/GatedTask", name="dry")
    again = data(stack.get(path, params={"name": "dry"}))
    assert (again["complete"], again["made_by_run"]) == (True, made["run_id"])
    assert len(runs_of(stack, key=explained["key"])) == 1


def test_a_task_without_parameters_is_keyed_by_the_day(stack: Stack) -> None:
    before = date.today().isoformat()
    explained = data(stack.get("/api/chains/basic/plain_chain/DailyTask/key"))

    assert explained["hashed"] in (before, date.today().isoformat())
    assert explained["key"].endswith(hashlib.md5(explained["hashed"].encode()).hexdigest())


def test_a_hidden_value_is_not_shown_in_the_hashed_text(stack: Stack) -> None:
    path = "/api/chains/http/offers_chain/OfferTask/key?needed=1&hidden=s3cret&password=s3cret"

    answer = stack.get(path)

    assert data(answer)["hashed"] is None
    assert "s3cret" not in answer.text


def test_an_answer_names_the_status_url_in_its_location_too(stack: Stack) -> None:
    answer = stack.post(f"{JOBS}/GatedTask?name=located")

    body = data(answer)
    assert answer.headers["Location"] == body["status_url"]
    assert body["status_url"] == f"{stack.url}/api/chainstatus?chain={body['key']}/out.txt"
    assert (body["expires_in"], body["target_url"]) == (600, None)
    path = answer.headers["Location"].removeprefix(stack.url)
    assert data(stack.get(path))["run_id"] == body["run_id"]


def test_parameters_may_be_called_like_words_of_ours(stack: Stack) -> None:
    given = {name: f"my-{name}" for name in ("type", "chain", "task", "path", "wait")}

    result = stack.client.run(f"{JOBS}/NamesTask", **given).wait()

    assert result.read_text() == " ".join(given.values())


def test_prefer_wait_is_answered_with_the_result(stack: Stack) -> None:
    headers = {"Prefer": "respond-async, wait=30"}
    answer = stack.post(f"{JOBS}/GatedTask?name=waited", headers=headers)

    body = data(answer)
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert (body["job_status"], body["expires_in"]) == ("DONE", 60)
    assert stack.get(body["target_url"].removeprefix(stack.url)).text == "waited"


def test_prefer_wait_is_answered_with_the_failure(stack: Stack) -> None:
    headers = {"Prefer": "WAIT = 30"}
    answer = stack.post(f"{JOBS}/FlakyTask?name=waited&cure=/no/cure", headers=headers)

    refusal = refused(answer, 422)  # fault 2.7: `curl -f` fails
    assert refusal["message"] == "The run failed: ValueError: waited is sick"
    assert answer.headers["Preference-Applied"] == "wait=30"
    body = refusal["data"]
    assert answer.headers["Location"] == body["status_url"]
    assert (body["job_status"], body["target_url"]) == ("FAILED", None)
    assert body["error"] == "ValueError: waited is sick"
    failed_log = stack.get(body["failed_log_url"].removeprefix(stack.url)).text
    assert "the sick attempt" in failed_log


def test_prefer_wait_is_answered_with_the_cancelling(stack: Stack, tmp_path: Path) -> None:
    """Faults 2.7 and 2.8."""
    parameters = {"name": "stopped", "gate": tmp_path / "never"}
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(
            stack.post, f"{JOBS}/GatedTask", params=parameters, headers={"Prefer": "wait=50"}
        )
        run = wait_for(lambda: _run_named(stack, "stopped"), "the run is accepted")
        requests.delete(f"{stack.url}/api/runs/{run}", timeout=30)
        refusal = refused(waiting.result(), 409)

    assert refusal["message"].startswith("The run was cancelled")
    assert refusal["data"]["job_status"] == "CANCELLED"
    assert refusal["data"]["failed_log_url"] is None


def test_prefer_wait_ends_with_its_time(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    answer = stack.post(
        f"{JOBS}/GatedTask", params={"name": "long", "gate": gate}, headers={"Prefer": "wait=0"}
    )

    assert data(answer)["job_status"] in ("PENDING", "RUNNING")
    assert answer.elapsed.total_seconds() < 5
    gate.touch()
    assert stack.ended(data(answer)["key"])["job_status"] == "DONE"


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=-1", "wait=soon", "await=5", "return"])
def test_a_preference_that_is_none_of_ours_is_not_heeded(stack: Stack, prefer: str) -> None:
    answer = stack.post("basic/plain_chain/GreetTask?name=short", headers={"Prefer": prefer})

    assert answer.status_code == 200
    assert "Preference-Applied" not in answer.headers


def test_who_waits_leaves_room_for_everybody_else(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def wait_for_it(_: int) -> Any:
        parameters = {"name": "crowd", "gate": str(gate)}
        headers = {"Prefer": "wait=40"}
        return stack.post(f"{JOBS}/GatedTask", params=parameters, headers=headers)

    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(wait_for_it, number) for number in range(24)]
        key = data(stack.get(f"/api/chains/{JOBS}/GatedTask/key?name=crowd"))["key"]
        # A quarter of the 16 threads may be kept waiting.
        wait_for(lambda: sum(answer.done() for answer in answers) == 20, "20 need not wait")
        assert stack.get("/healthz").elapsed.total_seconds() < 5
        gate.touch()
        bodies = [data(answer.result()) for answer in answers]

    assert sum(body["job_status"] == "DONE" for body in bodies) == 4
    assert {body["key"] for body in bodies} == {key}
    assert len({body["run_id"] for body in bodies}) == 1


def test_equal_posts_at_once_are_one_run(stack: Stack, tmp_path: Path) -> None:
    evidence, gate = tmp_path / "evidence", tmp_path / "gate"
    parameters = {"name": "shared", "evidence": str(evidence), "gate": str(gate)}

    with ThreadPoolExecutor(32) as pool:
        answers = list(
            pool.map(lambda _: stack.post(f"{JOBS}/GatedTask", params=parameters), range(32))
        )
    late = data(stack.post(f"{JOBS}/GatedTask", json=parameters))
    gate.touch()

    bodies = [data(answer) for answer in answers]
    assert {body["run_id"] for body in [*bodies, late]} == {late["run_id"]}
    assert stack.ended(late["key"])["job_status"] == "DONE"
    assert evidence.read_text() == "shared\n"
    assert len(runs_of(stack, key=late["key"])) == 1


def test_the_status_is_there_from_the_moment_that_a_post_is_answered(stack: Stack) -> None:
    def post_and_look(number: int) -> str:
        key = data(stack.post(f"basic/plain_chain/GreetTask?name=at-once-{number}"))["key"]
        return str(data(stack.get("/api/chainstatus", params={"chain": key}))["job_status"])

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(post_and_look, range(200)))

    assert len(seen) == 200
    assert set(seen) <= {"PENDING", "RUNNING", "DONE"}


def test_beyond_the_longest_queue_a_post_is_429_with_a_time_to_come_back(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(DATANECTAR_MAX_QUEUED="2")
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    waiting = [data(stack.post(f"basic/plain_chain/GreetTask?name={n}")) for n in "ab"]

    answer = stack.post("basic/plain_chain/GreetTask?name=c")

    assert "DATANECTAR_MAX_QUEUED" in refused(answer, 429)["message"]
    assert int(answer.headers["Retry-After"]) > 0
    same = data(stack.post("basic/plain_chain/GreetTask?name=a"))
    assert same["run_id"] == waiting[0]["run_id"]
    assert len(runs_of(stack)) == 2


def test_a_result_that_was_put_there_by_hand_is_a_result(stack: Stack) -> None:
    key = data(stack.get("/api/chains/basic/plain_chain/GreetTask/key?name=by-hand"))["key"]
    stack.file(key).parent.mkdir(parents=True)
    stack.file(key).write_text("made elsewhere")

    body = data(stack.post("basic/plain_chain/GreetTask?name=by-hand"))

    assert (body["job_status"], body["run_id"]) == ("DONE", None)
    assert stack.get(body["target_url"].removeprefix(stack.url)).text == "made elsewhere"
    assert stack.status(key)["job_status"] == "DONE"


def test_params_txt_holds_what_the_key_route_says(stack: Stack) -> None:
    explained = data(stack.get(f"/api/chains/{JOBS}/GatedTask/key?name=params"))

    status = stack.run(f"{JOBS}/GatedTask", name="params")

    answer = stack.get(status["params_url"].removeprefix(stack.url))  # type: ignore[attr-defined]
    assert json.loads(answer.text) == explained["parameters"]


def _run_named(stack: Stack, name: str) -> str | None:
    """The id of the newest run with this ``name``."""
    runs = data(stack.get("/api/runs"))["runs"]
    return next((run["id"] for run in runs if run["parameters"].get("name") == name), None)
