"""Schedules under a clock of the test's: which date each night's run has, and what is owed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from datanectar.child_pool import ChildPool
from datanectar.keys import digest, parse_key
from datanectar.luigid.client import Luigid
from datanectar.notifications.records import Webhook
from datanectar.notifications.store import WebhookStore
from datanectar.queue import RunQueue
from datanectar.runs.records import Run
from datanectar.runs.store import RunFilters, RunStore
from datanectar.service.schedules import set_paused, states
from datanectar.service.service import Service
from datanectar.settings import current, load
from datanectar.telemetry import counts
from datanectar.worker.scheduler import Scheduler

pytestmark = pytest.mark.slow

CHAIN = """import datetime

import luigi

from datanectar import NectarTask


class _Writes(NectarTask):
    def run(self):
        with self.output().open("w") as out:
            out.write(str(self.key))


class LeafTask(_Writes):
    pass


class BerlinTask(_Writes):
    schedule = "30 1 * * * Europe/Berlin"

    def requires(self):
        return LeafTask()


class NewYorkTask(_Writes):
    schedule = "30 19 * * * America/New_York"


class TodayTask(_Writes):
    schedule = "30 1 * * * Europe/Berlin"
    day = luigi.Parameter(default=datetime.date.today().isoformat())


class AllTask(_Writes):
    schedule = "30 * * * *"
    frequency = "hour"
    catch_up = "all"


class StrictTask(_Writes):
    schedule = "30 * * * *"
    frequency = "hour"
    catch_up = "none"


class HourlyTask(_Writes):
    schedule = "30 * * * * Europe/Berlin"
    frequency = "hour"
"""
HOUR = 3600.0


class Clock:
    """Shows the time that it is set to."""

    def __init__(self, text: str) -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()

    def __call__(self) -> float:
        return self.now


Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make services of one project, with no worker that would take a run."""
    monkeypatch.setenv("DATANECTAR_PROJECT", str(tmp_path))
    current.cache_clear()
    chains = tmp_path / "code" / "chains" / "night"
    chains.mkdir(parents=True)
    made: list[Service] = []

    def make(tasks: str, **environ: str) -> Service:
        kept = CHAIN
        for task in (
            "BerlinTask",
            "NewYorkTask",
            "TodayTask",
            "HourlyTask",
            "AllTask",
            "StrictTask",
        ):
            if task not in tasks:
                kept = kept.replace(task, task.removesuffix("Task"))
        (chains / "night_chain.py").write_text(kept)
        settings = load({"DATANECTAR_PROJECT": str(tmp_path), **environ})
        settings.state.mkdir(exist_ok=True)
        store = RunStore(settings.database_url)
        store.prepare()
        children = ChildPool(settings, ahead=0)
        children.start()
        queue, luigid = RunQueue(settings.queue_url), Luigid(settings.luigid_url)
        made.append(Service(settings, store=store, queue=queue, children=children, luigid=luigid))
        return made[-1]

    yield make
    for service in made:
        service.children.close()
        service.store.close()
    current.cache_clear()


def runs_of(service: Service) -> list[Run]:
    runs, _ = service.store.list_runs(RunFilters(), cursor=None, limit=99)
    return sorted(runs, key=lambda run: run.run_time)


def nights(service: Service, moments: list[str]) -> list[Run]:
    """Look at the clock shortly before and after each moment (UTC); return the runs there are."""
    clock = Clock(moments[0])
    clock.now -= 60
    scheduler = Scheduler(service, clock)
    scheduler.fire_due()
    for moment in moments:
        clock.set(moment)
        clock.now += 30
        scheduler.fire_due()
        scheduler.fire_due()
    return runs_of(service)


SPRING_IN_BERLIN = ["2027-03-27T00:30", "2027-03-28T00:30", "2027-03-28T23:30", "2027-03-29T23:30"]
AUTUMN_IN_BERLIN = ["2026-10-23T23:30", "2026-10-24T23:30", "2026-10-26T00:30", "2026-10-27T00:30"]
SPRING_IN_NEW_YORK = [
    "2027-03-13T00:30",
    "2027-03-14T00:30",
    "2027-03-14T23:30",
    "2027-03-15T23:30",
]
AUTUMN_IN_NEW_YORK = [
    "2026-10-30T23:30",
    "2026-10-31T23:30",
    "2026-11-02T00:30",
    "2026-11-03T00:30",
]


@pytest.mark.parametrize(
    ("task", "moments", "days"),
    [
        ("BerlinTask", SPRING_IN_BERLIN, ["2027-03-27", "2027-03-28", "2027-03-29", "2027-03-30"]),
        ("BerlinTask", AUTUMN_IN_BERLIN, ["2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27"]),
        (
            "NewYorkTask",
            SPRING_IN_NEW_YORK,
            ["2027-03-12", "2027-03-13", "2027-03-14", "2027-03-15"],
        ),
        (
            "NewYorkTask",
            AUTUMN_IN_NEW_YORK,
            ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"],
        ),
    ],
)
def test_each_night_has_its_own_date_in_the_schedules_zone(
    make: Make, task: str, moments: list[str], days: list[str]
) -> None:
    """fault 3.6"""
    runs = nights(make(task), moments)

    assert [parse_key(run.key).md5 for run in runs] == [digest(day) for day in days]
    assert [run.run_time[:10] for run in runs] == days


@pytest.mark.parametrize(("task", "missed"), [("AllTask", 0), ("StrictTask", 3), ("HourlyTask", 2)])
def test_fires_that_start_no_run_are_counted_once(make: Make, task: str, missed: int) -> None:
    service = make(task)
    clock = Clock("2026-11-02T00:29:59")
    schedulers = [Scheduler(service, clock) for _ in range(2)]
    counts.take()
    for moment in ("2026-11-02T00:29:59", "2026-11-02T00:30:01", "2026-11-02T03:45"):
        clock.set(moment)  # no worker looks at 1:30 and 2:30; 3:30 is late
        for scheduler in schedulers:
            scheduler.fire_due()
    schedulers[1] = Scheduler(service, clock)
    clock.set("2026-11-02T04:30:01")
    for scheduler in schedulers:
        scheduler.fire_due()

    place = counts.SCHEDULES_MISSED, ("night", "night_chain", task)
    assert counts.take().get(place, 0) == missed


def test_fires_of_a_pause_are_not_missed(make: Make) -> None:
    service = make("HourlyTask")
    clock = Clock("2026-11-02T00:29:59")
    scheduler = Scheduler(service, clock)
    counts.take()
    scheduler.fire_due()
    clock.set("2026-11-02T00:30:01")
    scheduler.fire_due()
    for paused, moment in ((True, "2026-11-02T00:45"), (False, "2026-11-02T03:45")):
        clock.set(moment)
        service.store.switch_schedule("night/night_chain/HourlyTask", paused, clock.now)
    clock.set("2026-11-02T04:30:01")
    scheduler.fire_due()
    assert len(runs_of(service)) == 2
    assert (counts.SCHEDULES_MISSED, ("night", "night_chain", "HourlyTask")) not in counts.take()


def test_the_hour_that_comes_twice_is_two_hours(make: Make) -> None:
    """fault 3.6"""
    runs = nights(make("HourlyTask"), ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"])

    hours = ["2026-10-25 02+0200", "2026-10-25 02+0100", "2026-10-25 03+0100"]
    assert {run.key.rpartition("/")[2] for run in runs} == set(map(digest, hours))


def test_a_task_made_by_hand_has_the_date_of_its_schedules_zone(
    make: Make,
) -> None:
    """fault 3.6: what is asked for in the evening in New York is not the next night's"""
    service = make("NewYorkTask")
    evening = datetime(2026, 7, 2, 0, 15, tzinfo=timezone.utc)

    by_hand = service.accept("night", "night_chain", "NewYorkTask", {}, at=evening)
    by_schedule = nights(service, ["2026-07-02T23:30"])

    assert by_hand.resolution.source == "2026-07-01"
    assert len(by_schedule) == 2


def test_a_runs_own_today_is_that_of_its_schedules_zone(make: Make) -> None:
    """fault 3.6: a date that is a parameter"""
    service = make("TodayTask")
    zone = ZoneInfo("Pacific/Kiritimati")  # there, it is tomorrow for most of the day
    now = datetime.now(zone)

    resolution = service.accept("night", "night_chain", "TodayTask", {}, at=now).resolution

    assert resolution.params["day"] in (str(now.date()), str(datetime.now(zone).date()))


def test_what_is_owed_outlives_the_worker_that_owes_it(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """fault 3.5"""
    full = make("BerlinTask", DATANECTAR_MAX_QUEUED="1")
    waiting = full.accept("night", "night_chain", "LeafTask", {}).run
    assert waiting is not None
    clock = Clock("2026-07-01T23:29:00")
    scheduler = Scheduler(full, clock)
    scheduler.fire_due()
    clock.set("2026-07-01T23:30:01")
    scheduler.fire_due()
    assert len(runs_of(full)) == 1

    successor = make("BerlinTask", DATANECTAR_MAX_QUEUED="9")
    clock.now += 300
    later = [Scheduler(successor, clock), Scheduler(make("BerlinTask"), clock)]
    with caplog.at_level(logging.INFO, "datanectar.worker.scheduler"):
        for each in [*later, scheduler, *later]:
            each.fire_due()
            clock.now += 20

    started = [run for run in runs_of(successor) if run.task == "BerlinTask"]
    assert [run.run_time for run in started] == ["2026-07-02T01:30:00+02:00"]
    assert caplog.text.count("is due: run") == 1
    assert successor.store.owed_fires() == []


def test_what_is_owed_is_forgotten_after_its_hour(make: Make) -> None:
    """fault 3.5"""
    full = make("BerlinTask", DATANECTAR_MAX_QUEUED="1")
    full.accept("night", "night_chain", "LeafTask", {})
    clock = Clock("2026-07-01T23:29:00")
    scheduler = Scheduler(full, clock)
    scheduler.fire_due()
    clock.set("2026-07-01T23:30:01")
    scheduler.fire_due()

    clock.now += HOUR + 60
    Scheduler(full, clock).fire_due()

    assert full.store.owed_fires() == []
    assert [run.task for run in runs_of(full)] == ["LeafTask"]


def test_the_log_says_what_became_of_a_fire(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """fault 3.6: a run of before is not called started, nor is a result that is there"""
    service = make("BerlinTask")
    at = datetime(2026, 7, 2, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    before = service.accept("night", "night_chain", "BerlinTask", {}, at=at)
    assert before.run is not None
    with caplog.at_level(logging.INFO, "datanectar.worker.scheduler"):
        nights(service, ["2026-07-01T23:30"])
        result = service.settings.local_targets / before.resolution.key / "out.txt"
        made = result.parent.with_name(digest("2026-07-03")) / result.name
        made.parent.mkdir(parents=True)
        made.write_text("made")
        nights(service, ["2026-07-02T23:30"])

    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        f"run {before.run.id} is on its way already",
        "its result is there already",
    ]


@pytest.mark.parametrize(
    ("task", "hours"),
    [
        ("AllTask", ["09", "10", "11", "12", "13"]),
        ("HourlyTask", ["11", "15"]),  # it counts in Berlin's time; the hour before is the last
        ("StrictTask", ["09"]),
    ],
)
def test_fires_missed_while_no_worker_ran_are_made_up_for_as_the_class_says(
    make: Make, task: str, hours: list[str]
) -> None:
    service = make(task)
    nights(service, ["2026-07-01T09:30"])

    Scheduler(service, Clock("2026-07-01T14:10")).fire_due()

    assert [run.run_time[11:13] for run in runs_of(service)] == hours


def test_all_missed_fires_are_started_once_by_whichever_worker(make: Make) -> None:
    service, other = make("AllTask"), make("AllTask")
    nights(service, ["2026-07-01T09:30"])
    clock = Clock("2026-07-01T12:10")

    for scheduler in (Scheduler(service, clock), Scheduler(other, clock)) * 2:
        scheduler.fire_due()

    assert [run.run_time[11:13] for run in runs_of(service)] == ["09", "10", "11"]
    assert service.store.owed_fires() == []


def test_missed_fires_wait_while_the_queue_is_full(make: Make) -> None:
    service = make("AllTask", DATANECTAR_MAX_QUEUED="2")
    nights(service, ["2026-07-01T09:30"])
    clock = Clock("2026-07-01T12:10")
    scheduler = Scheduler(service, clock)
    scheduler.fire_due()
    assert [run.run_time[11:13] for run in runs_of(service)] == ["09", "10"]

    roomy = make("AllTask", DATANECTAR_MAX_QUEUED="9")
    clock.now += 2 * HOUR
    Scheduler(roomy, clock).fire_due()

    assert [run.run_time[11:13] for run in runs_of(service)] == ["09", "10", "11", "12", "13"]


def test_a_paused_schedule_starts_nothing_and_goes_on_from_where_it_is_resumed(make: Make) -> None:
    service = make("AllTask")
    clock = Clock("2026-07-01T09:00")
    scheduler = Scheduler(service, clock)
    scheduler.fire_due()
    place = "night/night_chain/AllTask"
    assert set_paused(service, place, True, clock.now).next == []
    clock.set("2026-07-01T10:31")
    scheduler.fire_due()
    Scheduler(service, clock).fire_due()  # a worker that starts meanwhile
    assert runs_of(service) == []

    clock.set("2026-07-01T12:10")
    resumed = set_paused(service, place, False, clock.now)
    assert resumed.next[0] == Clock("2026-07-01T12:30").now
    Scheduler(service, clock).fire_due()
    clock.set("2026-07-01T12:31")
    scheduler.fire_due()

    assert [run.run_time[11:13] for run in runs_of(service)] == ["12"]


def test_the_run_of_the_last_fire_is_known(make: Make) -> None:
    service = make("AllTask")
    (run,) = nights(service, ["2026-07-01T09:30"])

    (state,) = states(service, service.catalog.chains(), Clock("2026-07-01T09:40").now)

    assert state.last_run is not None
    assert (state.last_run.id, state.last_fire) == (run.id, Clock("2026-07-01T09:30").now)
    assert state.next[:2] == [Clock("2026-07-01T10:30").now, Clock("2026-07-01T11:30").now]


def told(service: Service) -> list[str]:
    """Return for which times and why a webhook is told that a schedule was missed."""
    found = WebhookStore(service.store.database).deliveries("hook", 9)[::-1]
    return [f"{one.event.data['due'][11:16]} {one.event.data['error']}" for one in found]


def add_webhook(service: Service) -> None:
    webhook = Webhook("hook", "https://example.org/", "", 0.0, events=["schedule.missed"])
    WebhookStore(service.store.database).add(webhook)


NOBODY = "no worker was there to start it"


@pytest.mark.parametrize(
    ("task", "missed"),
    [("AllTask", []), ("HourlyTask", [f"10:30 {NOBODY}"]), ("StrictTask", [f"10:30 {NOBODY}"])],
)
def test_webhooks_are_told_once_of_fires_that_nobody_makes_up_for(
    make: Make, task: str, missed: list[str]
) -> None:
    service, other = make(task), make(task)
    add_webhook(service)
    nights(service, ["2026-07-01T09:30"])
    clock = Clock("2026-07-01T14:10")
    for scheduler in (Scheduler(service, clock), Scheduler(other, clock)) * 2:
        scheduler.fire_due()
        clock.now += 20
    assert told(service) == missed


def test_what_is_in_time_or_paused_is_not_missed(make: Make) -> None:
    service = make("StrictTask")
    add_webhook(service)
    nights(service, ["2026-07-01T09:30", "2026-07-01T10:30"])
    clock = Clock("2026-07-01T10:50")
    Scheduler(service, clock).fire_due()
    set_paused(service, "night/night_chain/StrictTask", True, clock.now)
    clock.set("2026-07-01T14:10")
    Scheduler(service, clock).fire_due()
    set_paused(service, "night/night_chain/StrictTask", False, clock.now)
    Scheduler(service, clock).fire_due()
    assert told(service) == []


def test_webhooks_are_told_of_a_worker_that_slept(make: Make) -> None:
    service = make("StrictTask")
    add_webhook(service)
    clock = Clock("2026-07-01T09:20")
    scheduler = Scheduler(service, clock)
    scheduler.fire_due()
    clock.set("2026-07-01T11:40")
    scheduler.fire_due()
    assert told(service) == [f"09:30 {NOBODY}"]
    assert runs_of(service) == []


def test_webhooks_are_told_of_a_fire_that_could_not_be_started(make: Make) -> None:
    full = make("BerlinTask", DATANECTAR_MAX_QUEUED="1")
    add_webhook(full)
    full.accept("night", "night_chain", "LeafTask", {})
    clock = Clock("2026-07-01T23:29:00")
    scheduler = Scheduler(full, clock)
    scheduler.fire_due()
    clock.set("2026-07-01T23:30:01")
    scheduler.fire_due()
    assert told(full) == []

    clock.now += HOUR + 60
    scheduler.fire_due()

    (words,) = told(full)
    assert words.startswith("23:30 1 runs are waiting")
