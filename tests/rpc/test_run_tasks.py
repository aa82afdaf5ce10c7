"""What a run knows of its tasks."""

from __future__ import annotations

import luigi

from datanectar.rpc.run_tasks import RunTasks
from datanectar.statuses import DONE, PENDING, RUNNING


class AwayTask(luigi.Task):
    def complete(self) -> bool:
        return False


class BadTask(luigi.Task):
    def complete(self) -> bool:
        raise ConnectionError


def test_a_task_that_is_scheduled_to_run_is_runnable_and_external_data_is_missing() -> None:
    tasks = RunTasks(by_id={"a": AwayTask(), "data": AwayTask()})

    tasks.note_scheduled("a", {"runnable": True, "deps": ["data"]})
    tasks.note_scheduled("data", {"runnable": False})

    assert [tasks.is_runnable(name) for name in ("a", "data", "stranger")] == [True, False, False]
    assert tasks.missing == {"data"}


def test_what_a_task_yields_is_required_too() -> None:
    tasks = RunTasks()

    tasks.note_scheduled("a", {"deps": ["b"]})
    tasks.note_scheduled("a", {"deps": None, "new_deps": ["c"]})

    assert tasks.deps["a"] == {"b", "c"}
    assert tasks.calls["a"] == {"deps": ["b"]}


def test_a_dependency_was_dropped_when_it_waits_and_is_not_complete() -> None:
    tasks = RunTasks(by_id={"a": AwayTask(), "b": BadTask(), "c": AwayTask()})
    tasks.statuses.update(a=PENDING, b=PENDING, c=DONE)
    for name in "abc":
        tasks.note_scheduled(name, {})

    assert [tasks.was_dropped(name) for name in "abc"] == [True, False, False]


def test_only_a_task_whose_dependencies_are_done_is_held_by_resources() -> None:
    tasks = RunTasks(statuses={"a": PENDING, "b": PENDING, "c": PENDING, "d": DONE})
    tasks.note_scheduled("a", {"resources": {"card": 1}, "deps": ["d"]})
    tasks.note_scheduled("b", {"resources": {"card": 1}, "deps": ["c"]})
    tasks.note_scheduled("c", {"resources": {}})

    assert list(tasks.held_by_resources()) == ["a"]


def test_all_done_needs_a_task() -> None:
    assert not RunTasks().all_done()
    assert RunTasks(statuses={"a": DONE}).all_done()
    assert RunTasks(statuses={"a": DONE, "b": RUNNING}).running() == ["b"]
