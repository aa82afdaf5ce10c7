"""A task may be copied to other processes while it runs, as in plain Luigi."""

from __future__ import annotations

import pytest

from datanectar.statuses import DONE
from tests.servers.bench import Bench

pytestmark = pytest.mark.slow

CHAIN = """
import concurrent.futures, copy, multiprocessing, pickle
import luigi
from datanectar import NectarTask

class InTask(NectarTask):
    def run(self):
        with self.output().open("w") as out:
            out.write("10")

class _Sum:
    kind = luigi.Parameter()
    def requires(self):
        return InTask()
    def part(self, x):
        self.set_status_message(f"part {x}")
        self.set_progress_percentage(x)
        self.set_tracking_url("http://127.0.0.1/copy")
        with self.input().open() as given:
            return x * int(given.read())
    def parts(self):
        if self.kind == "executor":
            context = multiprocessing.get_context("spawn")
            with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                return list(pool.map(self.part, range(3)))
        if self.kind == "pickle":
            copies = [pickle.loads(pickle.dumps(self)), copy.deepcopy(self), copy.copy(self)]
            assert all(each == self for each in copies)
            return [each.part(x) for x, each in enumerate(copies)]
        with multiprocessing.get_context(self.kind).Pool(2) as pool:
            return pool.map(self.part, range(3))
    def run(self):
        got = self.parts()
        self.set_status_message("the task itself")
        with self.output().open("w") as out:
            out.write(str(got))

class SumTask(_Sum, NectarTask):
    pass

class WideSumTask(_Sum, NectarTask):
    workers = 2

class PlainSumTask(_Sum, luigi.Task):
    path = luigi.Parameter()
    def output(self):
        return luigi.LocalTarget(self.path)
"""


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver", "executor", "pickle"])
@pytest.mark.parametrize("task", ["SumTask", "WideSumTask", "PlainSumTask"])
def test_a_task_and_its_methods_can_be_pickled(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, kind: str, task: str
) -> None:
    """fault 1.15"""
    bench.stack.chain("copies/sum_chain", CHAIN)
    path = tmp_path_factory.mktemp("sums") / "sum"
    more = {"path": str(path)} if task == "PlainSumTask" else {}

    ran = bench.run(f"copies/sum_chain/{task}", kind=kind, **more)

    assert ran.outcome is not None
    assert ran.outcome.status == DONE, ran.outcome.traceback
    file = path if more else bench.file(ran.key)
    assert file.read_text() == "[0, 10, 20]"
    assert ran.reported(task)["message"] == "the task itself"
