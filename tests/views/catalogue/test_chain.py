"""The page of a chain: its graph before any run, and its runs in numbers."""

from __future__ import annotations

import pytest
import requests

from datanectar.runs.statistics.recent import Brief
from datanectar.views.catalogue.charts import HEIGHT, chart
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

HTML = {"Accept": "text/html"}
GRAPHS = """
import time
import luigi
from datanectar import NectarTask
class LeafTask(NectarTask):
    number = luigi.IntParameter()
    def run(self):
        self.output().open("w").close()
class TreeTask(NectarTask):
    count = luigi.IntParameter(default=3)
    def requires(self):
        if self.count < 0:
            raise ValueError("no leaves")
        return [LeafTask(number) for number in range(self.count)]
    def run(self):
        self.output().open("w").close()
class DeepTask(NectarTask):
    level = luigi.IntParameter(default=0)
    def requires(self):
        return DeepTask(level=self.level + 1)
"""


def get(stack: Stack, path: str) -> str:
    return requests.get(f"{stack.url}{path}", headers=HTML, timeout=30).text


@pytest.fixture(scope="module")
def graphs(stack: Stack) -> Stack:
    stack.chain("graphs/graphs_chain", GRAPHS)
    return stack


def test_the_graph_is_there_before_any_run_and_shows_what_is_done(graphs: Stack) -> None:
    def drawn() -> str:
        page = get(graphs, "/chains/graphs/graphs_chain?task=TreeTask")
        return page if "tasks, " in page else ""

    assert "4 tasks, 0 of them there already" in wait_for(drawn, "the graph is worked out")
    assert graphs.client.runs(task="TreeTask")["runs"] == []
    graphs.run("graphs/graphs_chain/LeafTask", number=1)
    form = f"{graphs.url}/chains/graphs/graphs_chain/TreeTask/graph"

    def posted(count: int, words: str) -> str:
        page = requests.post(form, data={"count": str(count)}, headers=HTML, timeout=30).text
        return page if words in page else ""

    page = wait_for(lambda: posted(2, "tasks, "), "the graph of these parameters is worked out")
    assert "3 tasks, 1 of them there already" in page
    assert "/results/graphs/graphs_chain/LeafTask/" in page
    assert 'value="2"' in page  # the form keeps what was typed


def test_where_there_is_no_graph_the_page_says_why(graphs: Stack) -> None:
    page = get(graphs, "/chains/graphs/graphs_chain?task=LeafTask")
    assert "It depends on number" in page
    form = f"{graphs.url}/chains/graphs/graphs_chain/TreeTask/graph"

    def refused() -> bool:
        page = requests.post(form, data={"count": "-1"}, headers=HTML, timeout=30).text
        return "requires() of" in page and "no leaves" in page

    wait_for(refused, "the page says what is wrong")

    def endless() -> bool:
        return "500 or more tasks" in get(graphs, "/chains/graphs/graphs_chain?task=DeepTask")

    wait_for(endless, "an endless chain is drawn in part", 60)


def test_a_chart_counts_what_it_is_given() -> None:
    runs = [
        Brief("a", "DONE", 100.0, 100.0, 101.0, 1),
        Brief("b", "FAILED", 100.0, 100.0, 105.0, 1),
        Brief("c", "DONE", 200.0, 200.0, 203.0, 1),
        Brief("d", "CANCELLED", 200.0),
        Brief("e", "DONE", 200.0, None, 200.0, 0),  # its result was there: it took no time
    ]
    found = chart(runs)
    assert found is not None
    assert (found.runs, found.most, found.longest) == (5, 3, 3.0)
    assert (found.median, found.p95_seconds) == (1.0, 3.0)
    assert found.failed == pytest.approx(25.0)
    assert {bar.title for bar in found.bars} == {"1 done", "1 failed", "2 done", "1 cancelled"}
    assert all(-0.01 <= bar.y <= HEIGHT - bar.height + 0.01 for bar in found.bars)
    assert chart([]) is None
    assert chart(runs[:1]) is not None


def test_the_page_shows_failures_and_durations(graphs: Stack) -> None:
    graphs.run("pages/gated_chain/FailingTask")
    page = get(graphs, "/chains/pages/gated_chain?task=FailingTask")
    assert "<dt>Failed</dt><dd>100 %</dd>" in page
    assert 'class="status-FAILED"' in page
