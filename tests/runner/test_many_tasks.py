"""Runs of many small tasks: what luigid gives them at once, they do as if it came one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datanectar.luigid.launch import CONFIGURATION
from datanectar.luigid.names import worker_id
from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from tests.servers.bench import Bench, Ran, lines_of
from tests.servers.processes import wait_for

#: Tasks write their number into a file as they run; one of them waits for a gate.
CHAIN = """
import os, time
import luigi
from datanectar import NectarTask

class NoteTask(NectarTask):
    n = luigi.IntParameter()
    notes = luigi.Parameter()
    stops_at = luigi.IntParameter(default=-1, significant=False)
    def run(self):
        with open(self.notes, "a") as notes:
            notes.write(f"{self.n}\\n")
        while self.n == self.stops_at and not os.path.exists(self.notes + ".gate"):
            time.sleep(0.02)
        if self.n == FAILS:
            raise ValueError("no good")
        self.output().open("w").close()

class FirstTask(NoteTask):
    priority = 5

class YieldsTask(NoteTask):
    def run(self):
        with open(self.notes, "a") as notes:
            notes.write("-1\\n")
        yield FirstTask(n=1000, notes=self.notes)
        super().run()

class NotesTask(luigi.WrapperTask):
    notes = luigi.Parameter()
    stops_at = luigi.IntParameter(default=-1)
    def requires(self):
        for n in range(24):
            cls = YieldsTask if n == YIELDS else NoteTask
            yield cls(n=n, notes=self.notes, stops_at=self.stops_at)

class TailTask(luigi.WrapperTask):
    notes = luigi.Parameter()
    def requires(self): return [NoteTask(n=n, notes=self.notes) for n in range(23, 16, -1)]
"""
PLACE = "made/notes_chain"


@pytest.fixture(params=["our luigid", "as Luigi ships it"])
def luigid_bench(request: pytest.FixtureRequest, make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench()
    if request.param != "our luigid":
        bench.stack.start_plain_luigid(CONFIGURATION)
    return bench.start()


def write(bench: Bench, fails: int = -1, yields: int = -1) -> None:
    bench.stack.chain(PLACE, f"FAILS, YIELDS = {fails}, {yields}\n{CHAIN}")


def stands_still(ran: Ran, notes: Path) -> bool:
    """Read reports, so that the run need not wait for that; tell whether it has come to the gate."""
    list(ran.child.reports(0.1))
    return "8" in lines_of(notes)


def test_each_task_is_done_once(luigid_bench: Bench, tmp_path: Path) -> None:
    write(luigid_bench)

    ran = luigid_bench.run(f"{PLACE}/NotesTask", notes=str(tmp_path / "notes"))

    assert ran.outcome == Outcome(DONE)
    assert sorted(map(int, lines_of(tmp_path / "notes"))) == list(range(24))
    tasks = {report.task_id for report in ran.reports if "NoteTask" in report.task_id}
    statuses = [[r.status for r in ran.reports if r.task_id == t and r.status] for t in tasks]
    assert statuses == [[PENDING, RUNNING, DONE]] * 24


def test_one_that_fails_leaves_the_others_done(luigid_bench: Bench, tmp_path: Path) -> None:
    write(luigid_bench, fails=12)

    ran = luigid_bench.run(f"{PLACE}/NotesTask", notes=str(tmp_path / "notes"))

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert "no good" in str(ran.outcome.error)
    assert sorted(map(int, lines_of(tmp_path / "notes"))) == list(range(24))


def test_what_a_task_yields_comes_first_if_its_priority_is_higher(
    luigid_bench: Bench, tmp_path: Path
) -> None:
    write(luigid_bench, yields=12)

    ran = luigid_bench.run(f"{PLACE}/NotesTask", notes=str(tmp_path / "notes"))

    assert ran.outcome == Outcome(DONE)
    done = list(map(int, lines_of(tmp_path / "notes")))
    assert done[done.index(-1) + 1] == 1000  # not what was given before it was yielded
    assert sorted(set(done)) == [-1, *range(24), 1000]


def test_what_a_run_can_not_begin_soon_another_run_does(bench: Bench, tmp_path: Path) -> None:
    write(bench)
    notes, gate = tmp_path / "notes", tmp_path / "notes.gate"
    first = bench.begin(f"{PLACE}/NotesTask", notes=str(notes), stops_at=8)
    wait_for(lambda: stands_still(first, notes), "the first run stands still")

    second = bench.run(f"{PLACE}/TailTask", notes=str(notes))

    assert second.outcome == Outcome(DONE)
    gate.touch()
    assert bench.finish(first).outcome == Outcome(DONE)
    assert sorted(map(int, lines_of(notes))) == list(range(24))


def test_what_a_killed_run_had_been_given_is_free_at_once(bench: Bench, tmp_path: Path) -> None:
    write(bench)
    notes = tmp_path / "notes"
    first = bench.begin(f"{PLACE}/NotesTask", notes=str(notes), stops_at=8)
    wait_for(lambda: stands_still(first, notes), "the first run stands still")

    first.child.kill()
    first.child.wait_end()
    bench.stack.luigid.end_worker(worker_id(first.run_id), "a test")

    def running() -> dict[str, Any]:
        found = bench.stack.luigid.call("task_list", status=RUNNING, upstream_status="")
        return dict(found)

    assert running() == {}
    notes.with_name("notes.gate").touch()
    assert bench.run(f"{PLACE}/NotesTask", notes=str(notes)).outcome == Outcome(DONE)
