"""Where the graph of a real run has what its tasks have yielded, done before or in the run."""

from __future__ import annotations

import pytest

from datanectar.views.graph.drawing import WIDTH, draw
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

CHAIN = """
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    name = luigi.Parameter()
    def run(self):
        self.save(self.name)

class MiddleTask(NectarTask):
    name = luigi.Parameter()
    def requires(self):
        return PartTask(name=f"{self.name} first")
    def run(self):
        yield PartTask(name="before")
        yield [PartTask(name=f"{self.name} {n}") for n in range(2)]
        self.save(self.name)

class WholeTask(NectarTask):
    def run(self):
        yield [MiddleTask(name="a"), MiddleTask(name="b")]
        self.save("whole")
"""


def test_what_a_task_yields_stands_left_of_it_done_before_or_not(stack: Stack) -> None:
    stack.chain("yields/yields_chain", CHAIN)
    stack.run("yields/yields_chain/PartTask", name="before")
    run_id = str(stack.run("yields/yields_chain/WholeTask")["run_id"])
    rows = stack.store.tasks(run_id)
    ids = {"/".join(row.params.values()) or "whole": row.task_id for row in rows}
    assert ids.keys() == {
        "whole",
        "a",
        "b",
        "before",
        "a first",
        "b first",
        "a 0",
        "a 1",
        "b 0",
        "b 1",
    }
    drawing = draw(rows)
    x = {node.id: node.x for node in drawing.nodes}
    parts = {"whole": ("a", "b"), **{n: (f"{n} first", "before", f"{n} 0", f"{n} 1") for n in "ab"}}
    for name, required in parts.items():
        assert all(x[ids[part]] + WIDTH < x[ids[name]] for part in required), name
    assert len(drawing.lines) == 2 + 2 * 4
