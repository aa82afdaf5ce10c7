"""How far a task is: sent first, last and now and then; nothing is sent without a scheduler."""

from __future__ import annotations

from typing import Any

import pytest

from datanectar import NectarTask
from datanectar.authoring import progress


class CountTask(NectarTask):
    """Keeps what it would send, as Luigi's worker puts these methods on a task."""

    def __init__(self) -> None:
        super().__init__()
        vars(self).pop(progress._SENT, None)  # Luigi gives one object for equal parameters
        self.sent: list[Any] = []
        self.set_progress_percentage = self.sent.append
        self.set_status_message = self.sent.append


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> CountTask:
    CountTask.clear_instance_cache()
    return CountTask()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that ``progress`` sees, in its one element."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_first_and_the_last_are_sent_and_those_between_not_too_often(
    task: CountTask, clock: list[float]
) -> None:
    for done in range(1001):
        clock[0] = done / 1000  # a second in all
        task.progress(done, 1000)

    assert task.sent == [0, "0 of 1,000", 50, "500 of 1,000", 100, "1,000 of 1,000"]


def test_items_are_counted(task: CountTask, clock: list[float]) -> None:
    assert list(task.track(["a", "b", "c"])) == ["a", "b", "c"]
    assert task.sent == [0, "0 of 3", 100, "3 of 3"]


def test_a_generator_has_no_length_until_its_end(task: CountTask, clock: list[float]) -> None:
    items = task.track(iter("abc"))
    assert next(items) == "a"
    assert task.sent == ["0"]
    clock[0] = 1
    next(items)
    assert task.sent == ["0", "1"]
    assert list(items) == ["c"]
    assert task.sent[2:] == [100, "3 of 3"]


def test_a_length_may_be_given_and_be_wrong(task: CountTask, clock: list[float]) -> None:
    assert sum(task.track(iter(range(1000)), of=10)) == 499_500
    assert task.sent == [0, "0 of 10", 100, "10 of 10"]


def test_a_loop_that_is_left_early_is_not_all_done(task: CountTask, clock: list[float]) -> None:
    for item in task.track("abc"):
        if item == "b":
            break
    assert task.sent == [0, "0 of 3"]


def test_a_message_of_the_authors(task: CountTask, clock: list[float]) -> None:
    task.progress(1, 3, "file 1")
    assert task.sent == [33, "file 1"]


@pytest.mark.parametrize(
    ("done", "of", "percent"), [(0, 0, 100), (-1, 3, 0), (4, 3, 100), (0.5, 2, 25), (999, 1000, 99)]
)
def test_a_percentage_is_from_0_to_100(done: float, of: float, percent: int) -> None:
    assert progress.percentage(done, of) == percent


def test_without_a_scheduler_nothing_happens() -> None:
    class AloneTask(NectarTask):
        """Nobody runs it."""

    AloneTask().progress(1, 2)
    assert list(AloneTask().track("ab")) == ["a", "b"]
