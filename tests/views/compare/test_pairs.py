"""Which tasks of two runs belong together."""

from __future__ import annotations

from dataclasses import replace

from datanectar.runs.records import Run, TaskRow
from datanectar.views.compare.pairs import task_pairs, values


def run(**params: str) -> Run:
    return Run(
        "r", "k", "t", "c", "RootTask", "root", params, params, "", "local", "DONE", 1, 0.0, "http"
    )


def task(family: str, seconds: float | None = 1.0, status: str = "DONE", **params: str) -> TaskRow:
    finished = None if seconds is None else 100.0 + seconds
    name = f"{family}{params}"
    begun = 100.0 if seconds is not None else None
    return TaskRow("r", name, None, family, status, started=begun, finished=finished, params=params)


def test_tasks_are_paired_by_what_the_runs_have_in_common() -> None:
    left = [
        task("t.c.Root", day="1"),
        task("t.c.Step", 2, day="1", shop="n"),
        task("t.c.Step", 2, day="1", shop="s"),
    ]
    right = [
        task("t.c.Step", 9, day="2", shop="s"),
        task("t.c.Step", 2.5, day="2", shop="n"),
        task("t.c.Root", day="2"),
    ]
    pairs = task_pairs((run(day="1"), left), (run(day="2"), right))
    assert [
        (pair.left and pair.left.params, pair.right and pair.right.params) for pair in pairs
    ] == [
        ({"day": "1", "shop": "s"}, {"day": "2", "shop": "s"}),
        ({"day": "1", "shop": "n"}, {"day": "2", "shop": "n"}),
        ({"day": "1"}, {"day": "2"}),
    ]
    assert [pair.difference for pair in pairs] == [7.0, 0.5, 0.0]


def test_what_is_left_is_paired_in_order_or_stands_alone() -> None:
    left = [task("t.c.Before", day="2"), task("t.c.Before", day="10"), task("t.c.Part", n="1")]
    right = [
        task("t.c.Before", day="11"),
        task("t.c.Before", day="3"),
        task("t.c.Part", n="2"),
        task("t.c.Part", n="3"),
    ]
    pairs = task_pairs((run(), left), (run(), right))
    days = {
        pair.left.params["day"]: pair.right.params["day"]
        for pair in pairs
        if pair.left and pair.right
    }
    assert days == {"2": "3", "10": "11"}
    alone = [pair for pair in pairs if pair.left is None or pair.right is None]
    assert sorted(pair.one.params["n"] for pair in alone) == ["1", "2", "3"]
    assert all(pair.difference is None for pair in alone)


def test_another_status_comes_first() -> None:
    left = [task("t.c.Slow", 1), task("t.c.Broken", 1), task("t.c.Before", None)]
    right = [replace(one, status="FAILED") if "Broken" in one.family else one for one in left]
    right[0] = task("t.c.Slow", 50)
    pairs = task_pairs((run(), left), (run(), right))
    assert [pair.one.family for pair in pairs] == ["t.c.Broken", "t.c.Slow", "t.c.Before"]
    assert pairs[2].seconds == (None, None)


def test_values_of_one_run_alone_differ() -> None:
    found = values({"a": "1", "b": "2"}, {"b": "2", "c": ""})
    assert [(value.name, value.differs) for value in found] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
