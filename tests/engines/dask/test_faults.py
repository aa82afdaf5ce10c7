"""What breaks at a Dask cluster while a run goes on: each test breaks one part of a whole service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.dask import DaskCluster
from tests.servers.processes import is_running, wait_for
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

WORKERS = ("anna", "bert")
PLACE = "made/lost_chain"
#: Says in a file when it begins and ends, and goes on until it is let go.
CHAIN = """
import os, pathlib, time
import luigi
from datanectar import NectarTask

class LongTask(NectarTask):
    engine = "dask"
    folder = luigi.Parameter()
    def note(self, word):
        with open(self.folder + "/book", "a") as book:
            print(word, os.getpid(), file=book, flush=True)
    def run(self):
        self.note("begin")
        while not os.path.exists(self.folder + "/go"):
            time.sleep(0.05)
        self.note("end")
        self.save("done")
"""


class Site:
    """A service with one run on a cluster, and what the task has noted."""

    def __init__(self, stack: Stack, cluster: DaskCluster, folder: Path) -> None:
        self.stack, self.cluster, self.folder = stack, cluster, folder
        folder.mkdir()

    def begin(self) -> str:
        key = str(self.stack.client.post(f"{PLACE}/LongTask", folder=str(self.folder))["key"])
        self.begun(1)
        return key

    def book(self, word: str) -> list[int]:
        file = self.folder / "book"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [int(pid) for noted, pid in lines if noted == word]

    def begun(self, times: int) -> list[int]:
        wait_for(lambda: len(self.book("begin")) >= times, f"the task has begun {times} times")
        return self.book("begin")

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def place(self) -> str:
        """Return the name of the worker that runs the task."""
        pid = self.book("begin")[-1]
        return next(name for name in WORKERS if pid in self.cluster.pids(name))


@pytest.fixture
def make_site(
    make_stack: Callable[..., Stack], make_cluster: Callable[..., DaskCluster], tmp_path: Path
) -> Callable[..., Site]:
    def make(*workers: str) -> Site:
        cluster = make_cluster().start(*workers, nthreads="1")
        stack = make_stack(DATANECTAR_DASK_SCHEDULER=cluster.address)
        stack.chain(PLACE, CHAIN)
        return Site(stack.start(), cluster, tmp_path / "evidence")

    return make


def test_a_task_whose_worker_is_killed_is_begun_again_once_at_a_time(
    make_site: Callable[..., Site],
) -> None:
    site = make_site("anna", "bert")
    key = site.begin()
    name = site.place()

    site.cluster.kill(name)
    first, second = site.begun(2)

    assert not is_running(first)
    message = wait_for(lambda: site.stack.status(key)["status_message"], "the message is there")
    assert "begun for the 2. time: its Dask worker was lost" in str(message)
    site.let_go()
    assert site.stack.ended(key)["job_status"] == "DONE"
    assert site.book("end") == [second]


def test_a_task_whose_worker_is_suspended_ends_before_it_is_begun_again(
    make_site: Callable[..., Site],
) -> None:
    """Fault: a worker that is cut off or suspended goes on with what another has begun by then."""
    site = make_site("anna", "bert")
    key = site.begin()
    (first,) = site.book("begin")
    name = site.place()

    site.cluster.suspend(name)
    wait_for(lambda: not is_running(first), "its fork server has ended the task")
    site.cluster.resume(name)

    _, second = site.begun(2)
    site.let_go()
    assert site.stack.ended(key)["job_status"] == "DONE"
    assert site.book("end") == [second]


def test_a_run_whose_scheduler_is_killed_loses_its_attempt_and_goes_on_with_the_next(
    make_site: Callable[..., Site],
) -> None:
    site = make_site("anna")
    key = site.begin()

    site.cluster.kill("scheduler")
    wait_for(
        lambda: "waits for Dask's scheduler" in str(site.stack.status(key)["status_message"]),
        "it is said",
    )
    assert site.stack.status(key)["attempts"] == 2
    site.cluster.start_scheduler()
    site.cluster.start_worker("bert", nthreads="1")

    first = site.begun(2)[0]
    assert not is_running(first)
    site.let_go()
    assert site.stack.ended(key)["job_status"] == "DONE"


def test_a_task_is_not_begun_for_ever(make_site: Callable[..., Site]) -> None:
    site = make_site("anna", "bert")
    key = site.begin()
    for times in (1, 2, 3):
        site.begun(times)
        name = site.place()
        site.cluster.kill(name)
        site.cluster.start_worker(name, nthreads="1")

    status = site.stack.ended(key)

    assert status["job_status"] == "FAILED"
    assert "was lost 3 times" in str(status["error"])
    assert len(site.book("begin")) == 3


def test_a_cancelled_run_leaves_nothing_at_the_cluster(make_site: Callable[..., Site]) -> None:
    site = make_site("anna")
    key = site.begin()
    (pid,) = site.book("begin")

    site.stack.client.cancel(str(site.stack.status(key)["run_id"]))

    assert site.stack.ended(key)["job_status"] == "CANCELLED"
    wait_for(lambda: not is_running(pid), "the task's process has ended")
    with site.cluster.client() as client:
        wait_for(lambda: not any(client.processing().values()), "no task is left")
