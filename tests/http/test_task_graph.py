"""The edges of a run's graph."""

from __future__ import annotations

from datanectar.http.task_graph import edges
from datanectar.runs.records import TaskRow
from datanectar.statuses import DONE


def task(name: str, *requires: str) -> TaskRow:
    return TaskRow("run", name, None, "t.c_chain.Task", DONE, list(requires))


def test_an_edge_leads_from_the_required_task_to_the_requiring_one() -> None:
    tasks = [task("root", "left", "right"), task("left", "deep"), task("right"), task("deep")]

    assert edges(tasks) == [("left", "root"), ("right", "root"), ("deep", "left")]


def test_a_task_that_is_not_shown_has_no_edge() -> None:
    assert edges([task("root", "left", "beyond"), task("left", "beyond")]) == [("left", "root")]
