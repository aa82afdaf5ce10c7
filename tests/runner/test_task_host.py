"""Processes that do one small task after another, and what ends one."""

from __future__ import annotations

import pytest

from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, Ran

#: Eight tasks, two at a time; each writes its process's id, and what else it is to do.
CHAIN = """
import os, subprocess, threading, time
import luigi
from datanectar import NectarTask

class OneTask(NectarTask):
    n = luigi.IntParameter()
    how = luigi.Parameter()
    def act(self):
        ACTS.get(self.how, lambda: None)()
    def run(self):
        self.act()
        print("made by", os.getpid())
        with self.output().open("w") as out:
            out.write(str(os.getpid()))

class OwnTask(OneTask):
    own_process = True

class NeedsMoreTask(OneTask):
    def run(self):
        yield OneTask(n=100 + self.n, how="nothing")
        super().run()

class BadTask(OneTask):
    def act(self):
        if self.n == 3:
            super().act()

def _raise(): raise ValueError("no good")

ACTS = {
    "thread": lambda: threading.Thread(target=time.sleep, args=(30,), daemon=True).start(),
    "process": lambda: subprocess.Popen(["sleep", "5"]),
    "environment": lambda: os.environ.update(SET="x"),
    "folder": lambda: os.chdir("/"),
    "mask": lambda: os.umask(0o77),
    "memory": lambda: globals().update(kept=bytearray(os.urandom(1) * 80_000_000)),
    "time": lambda: time.sleep(1.1),
    "raises": _raise,
    "exits": lambda: os._exit(0),
    "dies": lambda: os.kill(os.getpid(), 9),
}

class CrowdTask(luigi.WrapperTask):
    workers = 2
    kind = luigi.Parameter(default="OneTask")
    how = luigi.Parameter(default="nothing")
    def requires(self): return [globals()[self.kind](n=n, how=self.how) for n in range(8)]
"""
PLACE = "made/hosts_chain"


@pytest.fixture
def crowd(bench: Bench) -> Bench:
    bench.stack.chain(PLACE, CHAIN)
    return bench


def made(bench: Bench, ran: Ran, family: str) -> dict[str, str]:
    """Return the process that made each task of a family, by the task's id."""
    keys = {r.task_id: r.key for r in ran.reports if r.key and r.task_id.startswith(f"{family}_")}
    files = {task_id: bench.file(key) for task_id, key in keys.items()}
    return {task_id: file.read_text() for task_id, file in files.items() if file.exists()}


def test_small_tasks_share_processes_and_each_keeps_its_log(crowd: Bench) -> None:
    ran = crowd.run(f"{PLACE}/CrowdTask")

    assert ran.outcome == Outcome(DONE)
    pids = made(crowd, ran, "OneTask")
    assert len(pids) == 8
    assert len(set(pids.values())) <= 4
    keys = {report.task_id: report.key for report in ran.reports if report.key}
    for task_id, pid in pids.items():
        said = [line for line in crowd.log(str(keys[task_id])).splitlines() if "made by" in line]
        assert said == [f"made by {pid}"]


def test_a_class_may_want_a_process_for_each_task(crowd: Bench) -> None:
    ran = crowd.run(f"{PLACE}/CrowdTask", kind="OwnTask")

    assert ran.outcome == Outcome(DONE)
    assert len(set(made(crowd, ran, "OwnTask").values())) == 8


@pytest.mark.parametrize("how", ["thread", "process", "environment", "folder", "mask", "memory"])
def test_who_leaves_something_behind_is_the_last_one_there(crowd: Bench, how: str) -> None:
    ran = crowd.run(f"{PLACE}/CrowdTask", how=how)

    assert ran.outcome == Outcome(DONE)
    assert len(set(made(crowd, ran, "OneTask").values())) == 8


@pytest.mark.slow
def test_a_task_that_is_not_small_is_the_last_one_there(crowd: Bench) -> None:
    ran = crowd.run(f"{PLACE}/CrowdTask", how="time")

    assert len(set(made(crowd, ran, "OneTask").values())) == 8


@pytest.mark.parametrize(
    ("how", "words"), [("raises", "no good"), ("exits", "exit code 0"), ("dies", "SIGKILL")]
)
def test_a_task_that_fails_costs_no_other_one(crowd: Bench, how: str, words: str) -> None:
    ran = crowd.run(f"{PLACE}/CrowdTask", kind="BadTask", how=how)

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert words in str(ran.outcome.error)
    assert len(made(crowd, ran, "BadTask")) == 7


def test_a_task_that_yields_others_is_done_though_no_process_knew_those(crowd: Bench) -> None:
    ran = crowd.run(f"{PLACE}/CrowdTask", kind="NeedsMoreTask")

    assert ran.outcome == Outcome(DONE), ran.outcome
    assert len(made(crowd, ran, "OneTask")) == 8
    assert len(made(crowd, ran, "NeedsMoreTask")) == 8
