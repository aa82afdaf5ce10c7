"""The careful client of luigid: a result that was dropped is made again at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.statuses import DONE, RUNNING
from tests.servers.bench import Bench, Ran, lines_of

CHAIN = """
import luigi
from datanectar import NectarTask

class _Line(NectarTask):
    name = luigi.Parameter(default="x")
    evidence = luigi.Parameter(significant=False)
    def run(self):
        with open(self.evidence, "a") as said:
            print(type(self).__name__, self.name, file=said)
        with self.output().open("w") as out:
            out.write(self.name)
    def other(self, cls, **more):
        return cls(evidence=self.evidence, **more)

class LeafTask(_Line):
    pass

class MiddleTask(_Line):
    def requires(self):
        return self.other(LeafTask, name=self.name)

class TopTask(_Line):
    top = luigi.Parameter(default="")
    def requires(self):
        return self.other(MiddleTask, name=self.name)

class WideTask(TopTask):
    workers = 2
    def requires(self):
        return [self.other(MiddleTask, name=self.name), self.other(LeafTask, name="w")]

class YieldsTask(_Line):
    top = luigi.Parameter(default="")
    def run(self):
        yield self.other(MiddleTask, name=self.name)
        super().run()

class YieldsWideTask(YieldsTask):
    workers = 2
"""


def done(ran: Ran) -> Ran:
    assert ran.outcome is not None
    assert ran.outcome.status == DONE, ran.outcome
    return ran


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("task", ["TopTask", "WideTask", "YieldsTask", "YieldsWideTask"])
def test_dropped_dependencies_are_made_again_at_once(
    make_bench: Callable[..., Bench], tmp_path: Path, task: str, own: bool
) -> None:
    """fault 1.17: for 10 s luigid ignores that a task it calls DONE is to run again."""
    bench = make_bench()
    bench.stack.chain("drop/line_chain", CHAIN)
    if not own:
        bench.stack.start_plain_luigid("/dev/null")
    bench.start()
    evidence = tmp_path / "evidence"

    def run(**more: str) -> Ran:
        ran = done(bench.run(f"drop/line_chain/{task}", evidence=str(evidence), **more))
        begun = [r for r in ran.reports if r.status == RUNNING and r.task_id.startswith(f"{task}_")]
        assert len(begun) <= 2  # once more for what it yields, not until luigid notices
        return ran

    first = run()
    made = sorted(lines_of(evidence))
    for each in {report.key for report in first.reports if report.key}:
        bench.file(str(each)).unlink()
    evidence.unlink()
    run()
    assert sorted(lines_of(evidence)) == made

    middle, leaf = (
        bench.resolve(f"drop/line_chain/{name}", evidence="-").key
        for name in ("MiddleTask", "LeafTask")
    )
    evidence.unlink()
    bench.file(middle).unlink()
    run(top="another")
    assert sorted(lines_of(evidence)) == sorted([f"{task} x", "MiddleTask x"])

    evidence.unlink()
    bench.file(leaf).unlink()
    bench.file(middle).unlink()
    run(top="a third")
    assert sorted(lines_of(evidence)) == sorted([f"{task} x", "MiddleTask x", "LeafTask x"])
