"""``schedule``: a task is run on time, once, on however many workers look at the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from datanectar import cron
from datanectar.runs.store import RunStore
from tests.servers.processes import wait_for
from tests.servers.stack import Stack


def test_a_fire_that_is_due_becomes_one_run_on_two_workers(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    stack.start_luigid()
    stack.start_web()
    store = RunStore(stack.settings.database_url)
    # As if it had last been seen to some minutes ago: it is due as soon as a worker looks.
    store.claim_fire("wide/wide_chain/EveryMinuteTask * * * * * UTC", time.time() - 300)
    stack.start_worker("one")
    stack.start_worker("two")

    def scheduled() -> list[dict[str, object]]:
        runs = stack.get("/api/runs?task=EveryMinuteTask").json()["data"]["runs"]
        return [run for run in runs if run["job_status"] == "DONE"]

    runs = wait_for(scheduled, "the scheduled run is done")

    assert [(run["trigger"], run["attempts"]) for run in runs] == [("schedule", 1)]  # type: ignore[union-attr]
    task = stack.get("/api/chains/wide/wide_chain/EveryMinuteTask").json()["data"]
    assert task["schedule"] == "* * * * *"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 25 * * *", "hour"),
        ("0 6 * * * Mars/Base", "no time zone 'Mars/Base'"),
        ("0 6 * * * UTC twice", "five cron fields"),
        ("0 0 30 2 *", "schedule"),
        ("", "schedule"),
    ],
)
def test_a_schedule_that_can_not_be_kept_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cron.parse(text)


def test_a_time_zone_is_kept_through_its_summer() -> None:
    six_in_berlin = cron.parse("0 6 * * * Europe/Berlin")
    winter = 1767571200.0  # 2026-01-05 00:00 UTC
    summer = 1782864000.0  # 2026-07-01 00:00 UTC

    assert six_in_berlin.next_due(winter) - winter == 5 * 3600
    assert six_in_berlin.next_due(summer) - summer == 4 * 3600


def test_of_several_missed_fires_the_last_is_due() -> None:
    hourly = cron.parse("0 * * * *")

    assert hourly.latest_due(0.0, 3 * 3600 + 60) == 3 * 3600
    assert hourly.latest_due(60.0, 3000.0) is None
