"""Where the bars of a run's tasks stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from datanectar.runs.records import Run, TaskRow
from datanectar.statuses import DONE, FAILED, PENDING, RUNNING
from datanectar.views.runs.timeline import MOST_ROWS, rows

RUN = Run(
    id="r", key="k", type="t", chain="c", task="ATask", task_id="a", params={}, public_params={},
    run_time="", storage="local", output=None, status=DONE, attempt=1, created=100.0,
    trigger="http", started=100.0, finished=110.0,
)  # fmt: skip


def task(name: str, started: float | None, finished: float | None, **more: Any) -> TaskRow:
    values = {"status": DONE, "requires": [], **more}
    return TaskRow("r", name, None, "f", started=started, finished=finished, **values)


def test_bars_stand_where_their_tasks_were_in_the_run() -> None:
    first, second = rows(RUN, [task("b", 105, 110), task("a", 100, 105)])
    assert (first.task.task_id, first.begin, first.length, first.seconds) == ("a", 0, 50, 5)
    assert (second.task.task_id, second.begin, second.length) == ("b", 50, 50)


def test_a_task_that_runs_has_a_bar_up_to_now() -> None:
    run = replace(RUN, status=RUNNING, finished=None)
    (only,) = rows(run, [task("a", 100, None, status=RUNNING)], now=104)
    assert (only.begin, only.length, only.seconds) == (0, 100, 4)


def test_a_task_that_has_not_begun_comes_last_and_has_no_bar() -> None:
    found = rows(RUN, [task("a", None, None, status=PENDING), task("b", 100, 110)])
    assert [row.task.task_id for row in found] == ["b", "a"]
    assert (found[1].length, found[1].seconds) == (0, None)


def test_the_shortest_bar_can_be_seen_and_none_leaves_the_picture() -> None:
    for row in rows(RUN, [task("a", 100, 100), task("b", 110, 110), task("c", 109.999, 110)]):
        assert row.length > 0
        assert row.begin + row.length <= 100


def test_of_very_many_tasks_those_that_failed_are_shown() -> None:
    many = [task(f"a{i:04}", 100 + i / 1000, 110) for i in range(MOST_ROWS * 2)]
    many[-1] = replace(many[-1], status=FAILED)
    found = rows(RUN, many)
    assert len(found) == MOST_ROWS
    assert many[-1].task_id in {row.task.task_id for row in found}
