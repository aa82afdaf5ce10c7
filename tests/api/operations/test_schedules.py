"""``/api/schedules``: what runs by itself, and pausing it."""

from __future__ import annotations

from datetime import datetime

import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

CHAIN = """from datanectar import NectarTask


class _Writes(NectarTask):
    def run(self):
        with self.output().open("w") as out:
            out.write("made")


class MinuteTask(_Writes):
    schedule = "* * * * *"


class YearlyTask(_Writes):
    schedule = "30 5 1 1 * Europe/Berlin"
    catch_up = "all"
"""
PLACE = "clock/clock_chain"


@pytest.fixture(scope="module", autouse=True)
def chain(stack: Stack) -> None:
    stack.chain(PLACE, CHAIN)


def schedules(stack: Stack) -> dict[str, dict[str, object]]:
    found = data(stack.get("/api/schedules"))
    return {schedule["task"]: schedule for schedule in found if schedule["type"] == "clock"}


def switch(stack: Stack, task: str, action: str) -> requests.Response:
    return requests.post(f"{stack.url}/api/schedules/{PLACE}/{task}/{action}", timeout=30)


def test_a_schedule_has_its_zone_and_its_next_times_there(stack: Stack) -> None:
    yearly = schedules(stack)["YearlyTask"]

    fires = [datetime.fromisoformat(text) for text in yearly["next"]]  # type: ignore[attr-defined]
    assert [(fire.month, fire.day, fire.hour, fire.minute) for fire in fires] == [(1, 1, 5, 30)] * 5
    assert [fire.utcoffset().total_seconds() for fire in fires] == [3600] * 5  # type: ignore[union-attr]
    assert (yearly["zone"], yearly["catch_up"]) == ("Europe/Berlin", "all")
    assert (yearly["paused"], yearly["last_fire"], yearly["last_run"]) == (False, None, None)


def test_a_schedule_is_paused_and_resumed(stack: Stack) -> None:
    paused = data(switch(stack, "YearlyTask", "pause"))
    assert (paused["paused"], paused["next"]) == (True, [])
    assert schedules(stack)["YearlyTask"] == paused

    resumed = data(switch(stack, "YearlyTask", "resume"))

    assert not resumed["paused"]
    assert resumed["next"]


def test_what_has_no_schedule_is_not_paused(stack: Stack) -> None:
    refused(switch(stack, "NoSuchTask", "pause"), 404)
    address = f"{stack.url}/api/schedules/no/such_chain/ATask/pause"
    refused(requests.post(address, timeout=30), 404)


def test_the_last_run_is_that_of_the_last_fire(stack: Stack) -> None:
    run = wait_for(lambda: schedules(stack)["MinuteTask"]["last_run"], "it has fired", 200)

    assert run["trigger"] == "schedule"  # type: ignore[index]
    assert run["task"] == "MinuteTask"  # type: ignore[index]
