"""A key's log: whole, followed, and of earlier attempts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.answers import data, log, post, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

JOBS = "http/jobs_chain"


class Follower:
    """Follows a log in a thread of its own; keeps its events as (name, id, data)."""

    def __init__(self, stack: Stack, key: str, last_id: str = "") -> None:
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        self.events: list[tuple[str, str, str]] = []
        self.response = stack.get(
            "/api/chainlog", params={"chain": key}, headers=headers, stream=True
        )
        assert self.response.headers["Content-Type"].startswith("text/event-stream")
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with self.response:
            for event in _parsed(self.response.iter_lines(decode_unicode=True)):
                self.events.append(event)

    @property
    def text(self) -> str:
        return "".join(json.loads(text) for name, _, text in self.events if not name)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events if name]

    def ended(self) -> str:
        """Wait for the end of the stream; return the text that came."""
        self._thread.join(60)
        assert not self._thread.is_alive(), self.events
        assert self.events[-1][0] == "end", self.events
        return self.text


def _parsed(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    event = {"event": "", "id": "", "data": ""}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
        else:
            yield event["event"], event["id"], event["data"]
            event = {"event": "", "id": event["id"], "data": ""}


def test_a_log_can_be_followed_to_its_end(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    key = post(stack, f"{JOBS}/GatedTask", name="followed", gate=gate)

    follower = Follower(stack, key)
    wait_for(lambda: "followed has begun\n" in follower.text, "the beginning is there")
    assert "goes on" not in follower.text
    gate.touch()

    assert "followed has begun\nfollowed goes on\n" in follower.ended()
    # Who comes early has seen the run's log too, up to where the task's own began.
    assert follower.text.endswith(log(stack, key))
    assert follower.events[-1][2] == "DONE"


def test_a_log_that_has_ended_comes_whole_and_ends(stack: Stack) -> None:
    key = str(stack.run("basic/plain_chain/GreetTask", name="over")["key"])

    assert Follower(stack, key).ended() == log(stack, key)


def test_the_end_of_a_failed_log_says_so(stack: Stack) -> None:
    key = str(stack.run(f"{JOBS}/FlakyTask", name="worse", cure="/no/cure")["key"])

    follower = Follower(stack, key)

    assert "ValueError: worse is sick" in follower.ended()
    assert follower.events[-1][2] == "FAILED"


def test_following_goes_on_from_the_last_event_seen(stack: Stack) -> None:
    key = str(stack.run("basic/plain_chain/GreetTask", name="resumed")["key"])
    whole = log(stack, key).encode()

    assert Follower(stack, key, last_id="5").ended() == whole[5:].decode()
    assert Follower(stack, key, last_id=str(len(whole))).ended() == ""
    assert Follower(stack, key, last_id="nonsense").ended() == whole.decode()


def test_a_character_that_is_written_in_two_pieces_arrives_whole(
    stack: Stack, tmp_path: Path
) -> None:
    pieces = "61 e2 98|83 f0|9d|84 9e 7a"  # a, a snowman, a clef, z
    key = post(stack, f"{JOBS}/DribbleTask", pieces=pieces, gate=tmp_path / "gate")
    follower = Follower(stack, key)

    for number, seen in enumerate(("a", "a☃", "a☃"), 1):
        before = len(follower.events)
        wait_for(lambda seen=seen: follower.text.endswith(seen), f"{seen} is there")
        if number == 3:
            wait_for(lambda before=before: len(follower.events) > before, "a piece came")
        (tmp_path / f"gate{number}").touch()

    assert "a☃𝄞z" in follower.ended()
    assert "\ufffd" not in follower.text


def test_a_log_cut_within_a_character_goes_on_before_it(stack: Stack, tmp_path: Path) -> None:
    key = post(stack, "basic/plain_chain/GreetTask", name="☃")
    stack.ended(key)
    stack.file(key, "log").write_bytes(b"ab\xe2\x98")  # the half of a snowman

    follower = Follower(stack, key)
    follower.ended()

    assert follower.text.startswith("ab")
    assert next(id for name, id, _ in follower.events if not name) == "2"


def test_who_follows_a_rerun_sees_nothing_of_the_attempt_before(
    stack: Stack, tmp_path: Path
) -> None:
    cure, gate = tmp_path / "cure", tmp_path / "gate"
    parameters = {"name": "relapse", "cure": cure, "gate": gate}
    key = post(stack, f"{JOBS}/FlakyTask", **parameters)
    assert stack.ended(key)["job_status"] == "FAILED"
    cure.touch()

    assert post(stack, f"{JOBS}/FlakyTask", **parameters) == key
    follower = Follower(stack, key)
    wait_for(lambda: "the cured attempt" in follower.text, "the new log is there")
    gate.touch()

    follower.ended()
    assert "the sick attempt" not in follower.text
    last_restart = max([i for i, e in enumerate(follower.events) if e[0] == "restart"], default=-1)
    shown = [json.loads(text) for name, _, text in follower.events[last_restart + 1 :] if not name]
    assert "".join(shown).endswith(log(stack, key))


def test_the_logs_of_earlier_attempts_stay_beside_the_latest(stack: Stack, tmp_path: Path) -> None:
    cure = tmp_path / "cure"
    parameters = {"name": "patient", "cure": cure}
    key = post(stack, f"{JOBS}/FlakyTask", **parameters)
    stack.ended(key)
    post(stack, f"{JOBS}/FlakyTask", **parameters)
    stack.ended(key)
    cure.touch()
    post(stack, f"{JOBS}/FlakyTask", **parameters)
    assert stack.ended(key)["job_status"] == "DONE"

    assert "the cured attempt" in log(stack, key)
    assert all("the sick attempt" in log(stack, key, attempt=n) for n in (1, 2))
    assert (
        "log.3"
        in refused(stack.get("/api/chainlog", params={"chain": key, "attempt": 3}), 404)["message"]
    )
    for nonsense in ("0x1", "-1", "1.5", "one", "9" * 99):
        answer = stack.get("/api/chainlog", params={"chain": key, "attempt": nonsense})
        assert "attempt" in refused(answer, 400)["data"]["fields"]


def test_a_failed_run_keeps_its_own_log_after_a_later_run_of_its_key(
    stack: Stack, tmp_path: Path
) -> None:
    cure = tmp_path / "cure"
    parameters = {"name": "twice", "cure": cure}
    first = data(stack.post(f"{JOBS}/NeedsFlakyTask", params=parameters))
    failed = stack.ended(first["key"])
    assert failed["job_status"] == "FAILED"
    assert failed["params_url"] is None  # the root never began
    cure.touch()
    post(stack, f"{JOBS}/NeedsFlakyTask", **parameters)
    done = stack.ended(first["key"])
    assert done["job_status"] == "DONE"
    assert stack.get(str(done["params_url"]).removeprefix(stack.url)).ok

    run = data(stack.get(f"/api/runs/{first['run_id']}"))
    nodes = {node["key"]: node for node in run["graph"]["nodes"]}
    for url in (
        failed["failed_log_url"],
        run["failed_log_url"],
        nodes[run["failed_key"]]["log_url"],
    ):
        text = stack.get(str(url).removeprefix(stack.url)).text
        assert "the sick attempt" in text and "the cured attempt" not in text
    of_root = stack.get(str(run["log_url"]).removeprefix(stack.url)).text
    assert "is sick" in of_root and "is well" not in of_root
    assert "the cured attempt" in log(stack, run["failed_key"])
    latest = data(stack.get(f"/api/runs/{done['run_id']}"))
    assert "is well" in stack.get(str(latest["log_url"]).removeprefix(stack.url)).text


def test_the_end_of_a_log_comes_alone_when_that_is_asked_for(stack: Stack) -> None:
    stack.run("basic/plain_chain/GreetTask", name="tail")
    key = stack.client.runs(param="name=tail")["runs"][0]["key"]
    whole = stack.client.log(key)

    assert whole
    for size in (0, 7, len(whole), len(whole) + 100):
        assert stack.client.log(key, tail=size) == whole[max(0, len(whole) - size) :]
    refused = stack.get("/api/chainlog", params={"chain": key, "tail": "-1"})
    assert (refused.status_code, refused.json()["data"]["fields"].keys()) == (400, {"tail"})


def test_the_log_of_a_run_that_never_was_is_not_found(stack: Stack) -> None:
    key = stack.run("basic/plain_chain/GreetTask", name="unrun")["key"]

    refused(stack.get("/api/chainlog", params={"chain": key, "run": "0" * 26}), 404)


def test_what_waits_has_an_empty_log(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.settings.state.mkdir(parents=True)
    stack.start_web()

    key = post(stack, "basic/plain_chain/GreetTask", name="waits")

    assert log(stack, key) == ""
    status = stack.status(key)
    assert (status["job_status"], status["attempts"], status["started"]) == ("PENDING", 0, None)


def test_a_hundred_followers_leave_room_for_everybody_else(stack: Stack, tmp_path: Path) -> None:
    """Issue 14, point 11: a follower occupies a connection and no thread."""
    gate = tmp_path / "gate"
    key = post(stack, f"{JOBS}/GatedTask", name="famous", gate=gate)
    options: dict[str, Any] = {
        "params": {"chain": key},
        "headers": {"Accept": "text/event-stream"},
        "stream": True,
    }
    with ExitStack() as open_responses:
        followers = [
            open_responses.enter_context(stack.get("/api/chainlog", **options)) for _ in range(100)
        ]
        assert {response.status_code for response in followers} == {200}
        assert "famous has begun" in str(wait_for(lambda: log(stack, key), "its log is there"))
        gate.touch()
        stack.ended(key)
        for response in followers:
            assert "event: end" in response.text


def test_a_head_request_of_a_followed_log_keeps_no_place(stack: Stack) -> None:
    key = str(stack.run("basic/plain_chain/GreetTask", name="heads")["key"])

    for _ in range(20):
        answer = requests.head(
            f"{stack.url}/api/chainlog",
            params={"chain": key},
            headers={"Accept": "text/event-stream"},
            timeout=10,
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "text/plain, text/event-stream;q=0.5"])
def test_a_log_is_followed_only_when_that_is_asked_for(stack: Stack, accept: str) -> None:
    key = str(stack.run("basic/plain_chain/GreetTask", name="over")["key"])

    answer = stack.get("/api/chainlog", params={"chain": key}, headers={"Accept": accept})

    assert answer.headers["Content-Type"].startswith("text/plain")
