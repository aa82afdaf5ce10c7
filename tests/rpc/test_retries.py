"""Failed tasks are due after the delay, as often as they may fail."""

from __future__ import annotations

from datanectar.rpc.retries import Retries


def test_a_failed_task_is_due_until_it_has_failed_as_often_as_it_may() -> None:
    retries = Retries(delay=0)

    due = []
    for _ in range(3):
        retries.note_failure("t", allowed=3)
        due.append(retries.take_due())

    assert due == [["t"], ["t"], []]
    assert not retries


def test_nothing_is_due_before_the_delay_is_over() -> None:
    retries = Retries(delay=60)
    retries.note_failure("t", allowed=2)

    assert retries.take_due() == []
    assert "t" in retries and retries
