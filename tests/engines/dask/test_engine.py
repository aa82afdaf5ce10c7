"""Runs on a real Dask cluster: a scheduler and workers as processes, and the rest of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datanectar.messages import Outcome
from datanectar.statuses import DONE, FAILED
from tests.servers.bench import Bench, wait_for_line
from tests.servers.dask import DaskCluster
from tests.servers.processes import is_running, wait_for
from tests.servers.stack import Stack

PLACE = "made/dask_chain"
CHAIN = '''
import os, time
import luigi
from datanectar import NectarTask

class LeafTask(NectarTask):
    """Says where it ran."""
    engine = "dask"
    n = luigi.IntParameter()
    def run(self):
        print("leaf", self.n, "in", os.getpid())
        self.set_progress_percentage(50)
        self.set_status_message("half way")
        with self.output().open("w") as out:
            out.write(str(self.n))

class SumTask(NectarTask):
    engine = "dask"
    n = luigi.IntParameter(default=4)
    def requires(self):
        return [LeafTask(n=n) for n in range(self.n)]
    def run(self):
        with self.output().open("w") as out:
            out.write(str(sum(int(each.open().read()) for each in self.input())))

class FailTask(NectarTask):
    engine = "dask"
    def run(self):
        print("so far so good")
        raise ValueError("no such luck")

class CrashTask(NectarTask):
    engine = "dask"
    def run(self):
        os.kill(os.getpid(), 11)

class YieldTask(NectarTask):
    engine = "dask"
    def run(self):
        print("first or second time")
        leaf = yield LeafTask(n=77)
        with self.output().open("w") as out:
            out.write(leaf.open().read())

class ShortTask(NectarTask):
    engine = "dask"
    timeout = 1
    def run(self):
        time.sleep(60)

class SleepTask(NectarTask):
    engine = "dask"
    def run(self):
        print(os.getpid())
        print("asleep", flush=True)
        time.sleep(600)

class GpuTask(NectarTask):
    engine = "dask"
    needs = {"gpu": 1}
    def run(self):
        self.save("never")

class LargeTask(NectarTask):
    engine = "dask"
    needs = {"cpus": 2, "memory": "1.5 GB"}
    def run(self):
        self.save("done")

class HungryTask(NectarTask):
    engine = "dask"
    def run(self):
        held = []
        while True:
            held.append(b"x" * 50_000_000)
            time.sleep(0.05)

class CrowdTask(NectarTask):
    engine = "dask"
    processes = 20
    def run(self):
        while True:
            if os.fork() == 0:
                time.sleep(600)
            time.sleep(0.01)

class BurningTask(NectarTask):
    engine = "dask"
    cpu_time = 1
    def run(self):
        while True:
            pass
    def on_failure(self, problem):
        print("cleaned up")

class ClientTask(NectarTask):
    engine = "dask"
    n = luigi.IntParameter()
    def run(self):
        time.sleep(1)
        self.save(str(self.dask.submit(sum, [self.n, 1]).result(timeout=60)))

class ManyClientsTask(luigi.WrapperTask):
    def requires(self):
        return [ClientTask(n=n) for n in range(5)]

class MixedTask(NectarTask):
    def requires(self):
        return [LeafTask(n=n) for n in (90, 91)]
    def run(self):
        self.save("mixed")

class Odd:
    pass

class OddInnerTask(NectarTask):
    engine = "dask"
    thing = luigi.Parameter(significant=False)
    def run(self):
        self.save(str(self.thing))

class OddTask(luigi.WrapperTask):
    def requires(self):
        return OddInnerTask(thing=Odd())
'''
EDITED = """
import luigi
from datanectar import NectarTask

class SayTask(NectarTask):
    engine = "dask"
    n = luigi.IntParameter()
    def run(self):
        self.save("WORD")
"""


@pytest.fixture(scope="module")
def dask_bench(tmp_path_factory: pytest.TempPathFactory, cluster: DaskCluster) -> Iterator[Bench]:
    stack = Stack(tmp_path_factory.mktemp("bench"))
    stack.environ["DATANECTAR_DASK_SCHEDULER"] = cluster.address
    stack.environ["DATANECTAR_DASK_PATIENCE"] = "3"
    stack.chain(PLACE, CHAIN)
    bench = Bench(stack)
    try:
        yield bench.start()
    finally:
        bench.close()


def test_each_task_of_a_run_is_a_future_of_dasks(dask_bench: Bench, cluster: DaskCluster) -> None:
    ran = dask_bench.run(f"{PLACE}/SumTask", n=5)

    assert ran.outcome == Outcome(DONE), dask_bench.log(ran.key)
    assert dask_bench.file(ran.key).read_text() == "10"
    leaf = ran.reported("LeafTask_3")
    assert leaf["status"] == DONE
    assert leaf["runs_on"].startswith("dask tcp://127.0.0.1:")
    assert (leaf["progress"], leaf["message"]) == (50, "half way")
    assert "leaf 3 in" in dask_bench.log(leaf["key"])


def test_a_task_that_fails_is_told_of_as_on_one_host(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/FailTask")

    assert ran.outcome is not None
    assert (ran.outcome.status, ran.outcome.error) == (FAILED, "ValueError: no such luck")
    log = dask_bench.log(ran.key)
    assert "so far so good" in log and "Traceback" in log


def test_a_task_that_crashes_costs_itself_alone(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/CrashTask")

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert "killed by SIGSEGV" in str(ran.outcome.error)
    assert "killed by SIGSEGV" in dask_bench.log(ran.key)


def test_a_task_may_yield_others(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/YieldTask")

    assert ran.outcome == Outcome(DONE), dask_bench.log(ran.key)
    assert dask_bench.file(ran.key).read_text() == "77"
    assert dask_bench.log(ran.key).count("first or second time") == 2


def test_a_task_ends_at_its_timeout(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/ShortTask")

    assert ran.outcome is not None and "timed out after 1 seconds" in str(ran.outcome.error)


def test_a_run_that_is_cancelled_ends_its_tasks_at_the_cluster(
    dask_bench: Bench, cluster: DaskCluster
) -> None:
    ran = dask_bench.begin(f"{PLACE}/SleepTask")
    wait_for_line(dask_bench.file(ran.key, "log"), "asleep")
    pid = next(int(line) for line in dask_bench.log(ran.key).splitlines() if line.isdigit())

    ran.child.kill()

    wait_for(lambda: not is_running(pid), "the task's process has ended")
    dask_bench.finish(ran)


def test_a_task_waits_for_what_no_worker_has_and_says_so(
    dask_bench: Bench, cluster: DaskCluster
) -> None:
    ran = dask_bench.run(f"{PLACE}/GpuTask")

    assert ran.outcome is not None and ran.outcome.status == FAILED
    waits = "waits for a Dask worker with gpu 1; the most that one has is gpu 0"
    assert f"It found no worker within 3 s: it {waits}" in str(ran.outcome.error)
    assert waits in [report.message for report in ran.reports]


def test_needs_that_a_worker_has_are_met(dask_bench: Bench) -> None:
    assert dask_bench.run(f"{PLACE}/LargeTask").outcome == Outcome(DONE)


def test_the_limits_of_a_class_hold_there_too(dask_bench: Bench) -> None:
    crowd, burning = (dask_bench.run(f"{PLACE}/{name}Task") for name in ("Crowd", "Burning"))

    for ran, words in (
        (crowd, "processes and threads, more than its processes = 20: raise"),
        (burning, "OutOfCpuTime: BurningTask used up its cpu_time = 1: raise"),
    ):
        assert ran.outcome is not None and words in str(ran.outcome.error)
    assert "cleaned up" in dask_bench.log(burning.key)
    assert burning.reported("BurningTask")["cpu_time"] >= 1


def test_a_task_larger_than_its_worker_is_out_of_memory(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/HungryTask")

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert str(ran.outcome.error).startswith("killed: out of memory: it took")
    assert "out of memory" in dask_bench.log(ran.key)


def test_a_task_uses_the_cluster_that_it_runs_on_itself(dask_bench: Bench) -> None:
    """Fault: each worker has two places, so three such tasks would wait for ever for a fourth."""
    ran = dask_bench.run(f"{PLACE}/ManyClientsTask")

    assert ran.outcome == Outcome(DONE), dask_bench.log(ran.key)


def test_the_code_is_that_of_the_run(dask_bench: Bench) -> None:
    dask_bench.stack.chain("made/edited_chain", EDITED.replace("WORD", "before"))
    first = dask_bench.run("made/edited_chain/SayTask", n=1)
    dask_bench.stack.chain("made/edited_chain", EDITED.replace("WORD", "after"))
    second = dask_bench.run("made/edited_chain/SayTask", n=2)

    assert dask_bench.file(first.key).read_text() == "before"
    assert dask_bench.file(second.key).read_text() == "after"


def test_tasks_of_both_engines_in_one_run(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/MixedTask")

    assert ran.outcome == Outcome(DONE), dask_bench.log(ran.key)
    assert ran.reported("LeafTask_91")["runs_on"].startswith("dask tcp")
    assert "runs_on" not in ran.reported("MixedTask")


def test_a_parameter_that_no_text_holds_is_told_of(dask_bench: Bench) -> None:
    ran = dask_bench.run(f"{PLACE}/OddTask")

    assert ran.outcome is not None and ran.outcome.status == FAILED
    assert "parameter thing is a Odd, which can't be sent" in str(ran.outcome.error)
