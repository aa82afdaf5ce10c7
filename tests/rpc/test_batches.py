"""What can be done in one go, and by which task."""

from __future__ import annotations

import luigi
import pytest

from datanectar.rpc.batches import batch_task, can_batch


class Day(luigi.Task):
    day = luigi.IntParameter(batch_method=max)
    name = luigi.Parameter(default="x")


class Other(luigi.Task):
    day = luigi.IntParameter(batch_method=max)
    name = luigi.Parameter(default="x")


class Single(luigi.Task):
    day = luigi.IntParameter()


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([Day(1), Day(2)], True),
        ([Day(1), Day(2, "y")], False),
        ([Day(1), Other(2)], False),
        ([Single(1), Single(1)], False),
    ],
    ids=["equal", "another parameter", "another class", "nothing to batch"],
)
def test_can_batch(tasks: list[luigi.Task], expected: bool) -> None:
    assert can_batch(tasks) is expected


def test_the_batch_method_makes_the_value() -> None:
    task = batch_task([Day(1, "a"), Day(3, "a"), Day(2, "a")])

    assert (type(task), task.day, task.name) == (Day, 3, "a")
