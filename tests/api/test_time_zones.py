"""A server whose time zone is not UTC: times in JSON are UTC, the keys' day and hour are its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from datanectar.keys import digest
from tests.api.answers import data
from tests.servers.stack import Stack, copy_catalogue

pytestmark = pytest.mark.slow

KEYS = "luigi/keys_chain"


@pytest.fixture(scope="module", params=["America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest) -> ZoneInfo:
    return ZoneInfo(request.param)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, zone: ZoneInfo) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("project"), environ={"TZ": zone.key})
    copy_catalogue(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


def test_times_in_json_are_utc(stack: Stack) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    status = stack.run("basic/plain_chain/GreetTask", name="now")
    after = datetime.now(timezone.utc) + timedelta(seconds=1)
    run = data(stack.get(f"/api/runs/{status['run_id']}"))

    for record in (status, run):
        for name in ("created", "started", "finished"):
            moment = datetime.fromisoformat(str(record[name]))
            assert moment.utcoffset() == timedelta(0), (name, record[name])
            assert before <= moment <= after, name


def test_a_moment_in_a_filter_is_read_with_its_own_offset(stack: Stack, zone: ZoneInfo) -> None:
    since = datetime.now(zone) - timedelta(milliseconds=5)
    key = stack.run("basic/plain_chain/GreetTask", name="filtered")["key"]

    runs = data(stack.get("/api/runs", params={"since": since.isoformat()}))["runs"]

    assert [run["key"] for run in runs] == [key]


@pytest.mark.parametrize(
    ("task", "text"), [("DailyTask", "%Y-%m-%d"), ("HourlyTask", "%Y-%m-%d %H%z")]
)
def test_a_task_of_the_day_or_hour_is_keyed_by_the_servers(
    stack: Stack, zone: ZoneInfo, task: str, text: str
) -> None:
    chain = KEYS if task == "HourlyTask" else "basic/plain_chain"
    while datetime.now(zone).strftime("%M:%S") >= "59:45":
        time.sleep(1)  # the hour must not change on the way
    expected = digest(datetime.now(zone).strftime(text))

    status = stack.run(f"{chain}/{task}")

    assert (status["job_status"], str(status["key"]).rpartition("/")[2]) == ("DONE", expected)
