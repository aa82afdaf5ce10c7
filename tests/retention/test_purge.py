"""What a purge deletes, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datanectar.backfills.backfills import BackfillRequest, Backfills
from datanectar.messages import Outcome, TaskReport
from datanectar.retention.results import Old, remove
from datanectar.retention.rules import Report
from datanectar.retention.store import RetentionStore
from datanectar.statuses import FAILED
from datanectar.storage.folders.contents import list_of, publish
from datanectar.storage.registry import storage_named
from tests.retention.conftest import DAY, House, MakeHouse


def counts(report: Report) -> dict[tuple[str, str], int]:
    """Return how many of each go, by what and the name of the task."""
    return {(row.what, row.place.split("/")[2]): row.count for row in report.rows.values()}


def test_old_results_go_whole_and_younger_ones_stay(make_house: MakeHouse) -> None:
    house = make_house(DATANECTAR_KEEP_RESULTS="90 days")
    old = [house.make(house.key(*place), 31) for place in (("LoadTask", "2026-01-01"),)]
    old.append(house.make(house.key("CleanTask"), 91, "out.txt", "log", "log.1", "extra.csv"))
    young = [
        house.make(house.key("LoadTask", "2026-01-02"), 29),
        house.make(house.key("ReportTask"), 89),
    ]
    young.append(house.make(house.key("CleanTask", "2026-01-02"), 91, "log", "params.txt"))
    os.utime(young[-1] / "log")  # an attempt of today, without a result yet
    archive = house.key("LoadTask", "2026-01-03")
    young.append(house.make(type(archive)("etl", "sales_chain", "Archive", archive.md5), 9999))
    others = house.service.settings.local_targets / "chains" / "notes.txt"
    others.write_text("somebody's")

    looked = house.look()
    assert counts(looked) == {("results", "LoadTask"): 1, ("results", "CleanTask"): 1}
    (load,) = [row for row in looked.rows.values() if row.place.endswith("LoadTask")]
    assert (load.files, load.size) == (3, 30)
    assert abs(time.time() - 31 * DAY - load.oldest) < 60
    assert all((folder / "out.txt").exists() for folder in old)

    assert counts(house.purge()) == counts(looked)

    assert not any(folder.exists() for folder in old)
    assert all(folder.exists() for folder in young)
    assert others.exists()
    assert counts(house.purge()) == {}


def test_without_a_rule_nothing_is_looked_for(make_house: MakeHouse) -> None:
    house = make_house()
    house.chain.write_text(house.chain.read_text().replace("keep =", "kept ="))
    kept = house.make(house.key("LoadTask"), 10_000)
    report = house.purge()
    assert (report.rows, kept.exists()) == ({}, True)
    assert "DATANECTAR_KEEP_RESULTS" in report.notes[0]


def test_logs_may_go_sooner_than_their_results(make_house: MakeHouse) -> None:
    house = make_house(DATANECTAR_KEEP_LOGS="7 days")
    done = house.make(
        house.key("LoadTask"), 8, "params.txt", "out.txt", "log.1", "log.2", "logo.png"
    )
    house.make(house.key("LoadTask"), 1, "log")
    failed = house.make(house.key("CleanTask"), 8, "params.txt", "log")

    report = house.purge("logs")

    assert counts(report) == {("logs", "LoadTask"): 1, ("logs", "CleanTask"): 1}
    assert sorted(path.name for path in done.iterdir()) == [
        "log",
        "logo.png",
        "out.txt",
        "params.txt",
    ]
    assert not failed.exists()


def test_an_age_and_names_stand_in_place_of_the_rules(house: House) -> None:
    load = house.make(house.key("LoadTask"), 3)
    clean = house.make(house.key("CleanTask"), 3)
    pages = house.make(house.key("PagesTask"), 3, "pages.files.json")

    house.purge(older_than=4 * DAY)
    assert load.exists() and clean.exists() and pages.exists()
    house.purge(older_than=2 * DAY, task="CleanTask")
    assert load.exists() and not clean.exists() and pages.exists()
    house.purge(older_than=2 * DAY, type="ml")
    assert load.exists()
    house.purge(older_than=2 * DAY, type="etl", chain="sales_chain")
    assert not load.exists() and not pages.exists()


def test_a_folder_goes_with_its_files(house: House, tmp_path: Path) -> None:
    storage, key = storage_named("local"), house.key("PagesTask")
    with storage.temporary_place(key, "pages") as folder:
        (folder / "year=2026").mkdir(parents=True)
        (folder / "year=2026" / "a.html").write_text("a" * 100)
        publish(storage, key, "pages", folder)
    path = house.make(key, 0, "log")
    old = time.time() - 11 * DAY
    os.utime(path / list_of("pages"), (old, old))

    report = house.purge()

    (row,) = report.rows.values()
    assert (row.what, row.files, row.size > 110) == ("results", 3, True)
    assert not path.exists()


def test_what_is_needed_stays_whatever_its_age(house: House) -> None:
    """A waiting run's inputs down to what is there, a pin, a schedule's next fire, a backfill's."""
    service, store = house.service, RetentionStore(house.service.store.database)
    days = [f"2026-01-{day:02}" for day in range(1, 8)]
    loads = {day: house.make(house.key("LoadTask", day), 400) for day in days}
    evening = house.make(house.key("LoadTask", "2026-01-31"), 400)
    waiting = service.accept("etl", "sales_chain", "ReportTask", {"day": days[0]})
    house.make(house.key("CleanTask", days[1]), 1)  # so a report of it needs no load
    service.accept("etl", "sales_chain", "ReportTask", {"day": days[1]})
    request = BackfillRequest(
        "etl", "sales_chain", "ReportTask", {"day": f"{days[2]},{days[3]}"}, {}
    )
    Backfills(service).start(request)
    store.pin([str(house.key("LoadTask", days[4]))], "for the audit")
    running = service.accept("etl", "sales_chain", "CleanTask", {"day": "2025-12-31"}).run
    assert running is not None
    service.store.claim(running.id, "worker", 60)
    report = TaskReport("yielded", key=str(house.key("LoadTask", days[5])))
    service.store.record(running.id, 1, "worker", [report])

    found = house.purge("results")

    assert {day for day, folder in loads.items() if folder.exists()} == {*days} - {days[1], days[6]}
    assert evening.exists()
    assert found.kept["pinned: for the audit"] == 1
    assert waiting.run is not None and found.kept[f"needed by run {waiting.run.id}"] == 1
    assert found.kept["needed by the schedule of etl/sales_chain/EveningTask"] == 1

    service.store.switch_schedule("etl/sales_chain/EveningTask", True, time.time())
    store.unpin([str(house.key("LoadTask", days[4]))])
    service.store.finish(running.id, 1, "worker", Outcome(FAILED, "it failed"))
    house.purge("results")
    assert {day for day, folder in loads.items() if folder.exists()} == {days[0], days[2], days[3]}
    assert not evening.exists()


def test_a_run_that_comes_meanwhile_finds_what_it_needs(house: House) -> None:
    folder = house.make(house.key("LoadTask"), 400)

    def come() -> None:
        house.service.accept("etl", "sales_chain", "ReportTask", {"day": "2026-01-01"})

    report = house.purge("results", renew=come)
    assert folder.exists()
    assert sum(report.kept.values()) == 1


def test_where_the_needs_are_unknown_nothing_of_that_type_goes(house: House) -> None:
    folder = house.make(house.key("LoadTask"), 400)
    broken = house.chain.with_name("broken_chain.py")
    broken.write_text("import no_such_module\n")

    report = house.purge("results")
    assert folder.exists()
    assert "All results of type etl are kept: etl/broken_chain can't be read" in report.notes[0]

    broken.unlink()
    house.service.accept("etl", "sales_chain", "ReportTask", {"day": "2026-02-01"})
    text = house.chain.read_text()
    house.chain.write_text(text.replace("return CleanTask(day=self.day)", "raise KeyError('x')"))
    report = house.purge("results")
    assert folder.exists()
    assert "can't be told" in report.notes[0] and "KeyError" in report.notes[0]


def test_what_is_made_again_meanwhile_is_left(house: House) -> None:
    key, storage = house.key("LoadTask"), storage_named("local")
    seen = Old(key, "results", 3, 30, time.time() - 400 * DAY)
    folder = house.make(key, 0)
    assert remove(storage, seen, None) is False
    assert (folder / "out.txt").exists()
    (folder / "out.txt").unlink()  # dropped, and being made again
    assert remove(storage, seen, None) is False
    assert (folder / "log").exists()


PURGE = """
import sys
from datanectar.cli.main import main
main(["purge", "results", "logs", "--yes"])
"""


@pytest.mark.slow
def test_a_purge_that_is_killed_leaves_no_half_result(house: House, tmp_path: Path) -> None:
    first = house.key("LoadTask")
    keys = [
        type(first)("etl", "sales_chain", "LoadTask", f"{number:032x}") for number in range(3000)
    ]
    folders = [house.make(key, 400, "a.csv", "log", "out.txt", "params.txt") for key in keys]

    killed = subprocess.Popen([sys.executable, "-c", PURGE], cwd=tmp_path, env={**os.environ})
    while sum(not folder.exists() for folder in folders[:200]) < 100:
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    left = [folder for folder in folders if folder.exists()]
    assert 0 < len(left) < len(keys)
    for folder in left:
        names = {path.name for path in folder.iterdir()}
        assert "out.txt" not in names or names == {"a.csv", "log", "out.txt", "params.txt"}
    house.purge("results", "logs")
    assert not any(folder.exists() for folder in folders)
