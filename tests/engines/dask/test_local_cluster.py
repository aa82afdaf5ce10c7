"""On a laptop: no cluster is named, so a run that needs one starts its own."""

from __future__ import annotations

from collections.abc import Callable

from datanectar.messages import Outcome
from datanectar.statuses import DONE
from tests.servers.bench import Bench

PLACE = "made/laptop_chain"
CHAIN = """
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    n = luigi.IntParameter()
    def run(self):
        self.save(str(self.n))

class TotalTask(NectarTask):
    needs = {"cpus": 1, "memory": "100 MB"}
    def requires(self):
        return [PartTask(n=n) for n in range(3)]
    def run(self):
        self.save(str(sum(int(each.open().read()) for each in self.input())))

class ClientTask(NectarTask):
    engine = "processes"
    def run(self):
        self.save(str(self.dask.submit(sum, [1, 2]).result(timeout=60)))
"""


def test_a_run_starts_a_cluster_of_its_own_and_ends_it(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(DATANECTAR_ENGINE="dask").start()
    bench.stack.chain(PLACE, CHAIN)

    ran = bench.run(f"{PLACE}/TotalTask")

    assert ran.outcome == Outcome(DONE), bench.log(ran.key)
    assert bench.file(ran.key).read_text() == "3"
    assert ran.reported("PartTask_2")["runs_on"].startswith("dask tcp://127.0.0.1:")
    assert ran.reported("PartTask_2")["peak_memory"] > 10**6


def test_a_task_of_the_host_itself_may_use_one(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench().start()
    bench.stack.chain(PLACE, CHAIN)

    ran = bench.run(f"{PLACE}/ClientTask")

    assert ran.outcome == Outcome(DONE), bench.log(ran.key)
    assert bench.file(ran.key).read_text() == "3"
