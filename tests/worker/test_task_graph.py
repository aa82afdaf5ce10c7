"""What a run's reports add up to, and how much of it is kept."""

from __future__ import annotations

from datanectar.messages import TaskReport
from datanectar.statuses import DONE, PENDING, RUNNING
from datanectar.worker.task_graph import TaskGraph


def test_a_graph_holds_so_many_tasks_and_so_much_text_and_still_hears_of_those() -> None:
    """Fault 3.18: 100,000 forged reports filled the worker and the store."""
    graph = TaskGraph(most_tasks=3, most_characters=1000)

    assert all(graph.add(TaskReport(f"t{n}", status=PENDING)) for n in range(3))
    assert not graph.add(TaskReport("t3", status=PENDING))
    assert not graph.add(TaskReport("t0", error="x" * 1001))
    assert graph.add(TaskReport("t0", error="x" * 900))
    assert graph.add(TaskReport("t0", error="y" * 900))
    assert not graph.add(TaskReport("t1", requires=["z" * 100]))
    assert graph.add(TaskReport("t1", status=DONE))

    told = {task.task_id: (task.status, task.error) for task in graph.take_changed()}
    assert told == {"t0": (PENDING, "y" * 900), "t1": (DONE, None), "t2": (PENDING, None)}


def test_requirements_and_results_add_up_and_other_news_replaces() -> None:
    graph = TaskGraph()
    graph.add(TaskReport("t", status=PENDING, requires=["a", "b"], results=["x"], error="old"))
    graph.add(TaskReport("t", status=RUNNING, requires=["b", "c"], error="new"))

    expected = TaskReport("t", status=RUNNING, requires=["a", "b", "c"], results=["x"], error="new")
    assert graph.running() == [expected]
    assert "t" in graph and "a" not in graph


def test_cpu_time_adds_up_and_of_memory_the_peak_stays() -> None:
    graph = TaskGraph()
    for peak, seconds in ((10, 0.5), (30, 1.0), (20, 0.25)):
        graph.add(TaskReport("t", peak_memory=peak, cpu_time=seconds))

    assert graph.take_changed() == [TaskReport("t", peak_memory=30, cpu_time=1.75)]


def test_what_could_not_be_stored_counts_as_changed_again() -> None:
    graph = TaskGraph()
    graph.add(TaskReport("t"))
    changed = graph.take_changed()
    assert graph.take_changed() == []

    graph.put_back(changed)

    assert graph.take_changed() == [TaskReport("t")]
