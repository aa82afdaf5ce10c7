"""Which of a run's tasks are listed, in which order, and where their bars stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from datanectar.runs.records import Run, TaskRow
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from datanectar.views.runs.critical_path import critical_path
from datanectar.views.runs.task_list import PAGE, task_list

RUN = Run(
    id="r", key="k", type="t", chain="c", task="ATask", task_id="a", params={}, public_params={},
    run_time="", storage="local", output=None, status=DONE, attempt=1, created=100.0,
    trigger="http", started=100.0, finished=110.0,
)  # fmt: skip


def task(name: str, started: float | None, finished: float | None, **more: Any) -> TaskRow:
    values = {"status": DONE, "requires": [], **more}
    return TaskRow("r", name, None, "f", started=started, finished=finished, **values)


def ids(tasks: list[TaskRow], **asked: str) -> list[str]:
    return [row.task.task_id for row in task_list(RUN, tasks, asked).rows]


def test_bars_stand_where_their_tasks_were_in_the_run() -> None:
    first, second = task_list(RUN, [task("b", 105, 110), task("a", 100, 105)], {}).rows
    assert (first.task.task_id, first.begin, first.length, first.seconds) == ("a", 0, 50, 5)
    assert (second.task.task_id, second.begin, second.length) == ("b", 50, 50)


def test_the_axis_has_round_times() -> None:
    ticks = task_list(RUN, [task("a", 100, 110)], {}).ticks
    assert ticks == [(0.0, 0.0), (50.0, 5.0)]


def test_while_a_run_goes_on_its_axis_moves_only_in_steps() -> None:
    run = replace(RUN, status=RUNNING, finished=None)
    tasks = [task("a", 100, 101), task("b", 101, None, status=RUNNING)]
    shown = [task_list(run, tasks, {}, now=now).rows for now in (103, 103.7, 104.9)]
    assert shown[0] == shown[1] == shown[2]
    assert (shown[0][1].begin, shown[0][1].length, shown[0][1].seconds) == (20, 80, None)
    assert task_list(run, tasks, {}, now=106).rows != shown[0]


def test_a_task_that_has_not_begun_comes_last_and_has_no_bar() -> None:
    rows = task_list(RUN, [task("a", None, None, status=PENDING), task("b", 100, 110)], {}).rows
    assert [row.task.task_id for row in rows] == ["b", "a"]
    assert (rows[1].length, rows[1].seconds) == (0, None)


def test_the_shortest_bar_can_be_seen_and_none_leaves_the_picture() -> None:
    tasks = [task("a", 100, 100), task("b", 110, 110), task("c", 109.999, 110)]
    for row in task_list(RUN, tasks, {}).rows:
        assert row.length > 0
        assert row.begin + row.length <= 100


def test_failed_tasks_come_first_and_every_task_is_on_some_page() -> None:
    many = [task(f"a{i:04}", 100 + i / 1000, 110) for i in range(PAGE * 20)]
    many[-1] = replace(many[-1], status=FAILED)
    pages = [ids(many, page=str(number)) for number in range(1, 21)]
    assert pages[0][0] == many[-1].task_id
    assert sorted(name for page in pages for name in page) == [one.task_id for one in many]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"status": "failed"}, ["a10"]),
        ({"words": "N=9"}, ["a9"]),
        ({"words": "boom"}, ["a10"]),
        ({"family": "other"}, ["a11"]),
        ({"sort": "name"}, ["a9", "a10", "a11"]),
        ({"sort": "took"}, ["a10", "a11", "a9"]),
        ({"page": "99"}, ["a10", "a9", "a11"]),
        ({"page": "x", "sort": "nonsense"}, ["a10", "a9", "a11"]),
        ({"words": "nothing has this"}, []),
    ],
)
def test_the_list_is_filtered_and_sorted(asked: dict[str, str], found: list[str]) -> None:
    tasks = [
        task("a9", 100, 101, params={"n": "9"}),
        task("a10", 101, 109, params={"n": "10"}, status=FAILED, error="it went boom"),
        replace(task("a11", 102, 104, params={"n": "11"}), family="other"),
    ]
    if "family" not in asked:
        tasks[2] = replace(tasks[2], family="f")
    assert ids(tasks, **asked) == found


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    tasks = [
        task("root", 108, 110, requires=["late", "early", "before"]),
        task("late", 103, 108, requires=["first"]),
        task("early", 100, 101),
        task("first", 100, 103),
        task("before", None, None),
    ]
    assert critical_path(tasks, "root") == {"root", "late", "first"}
    assert critical_path(tasks, "nosuch") == frozenset()
