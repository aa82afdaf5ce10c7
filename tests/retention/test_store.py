"""Pins, and which of several processes does a chore; on SQLite and PostgreSQL."""

from __future__ import annotations

import threading

import pytest

from datanectar.errors import Conflict
from datanectar.retention.store import RetentionStore
from datanectar.retention.upkeep import keep_on
from datanectar.runs.store import RunStore
from tests.runs.conftest import shared_postgres, store

__all__ = ["shared_postgres", "store"]  # fixtures


def test_pins_are_kept_with_their_reasons(store: RunStore) -> None:
    retention = RetentionStore(store.database)
    retention.pin(["b", "a"], "first")
    retention.pin(["b"], "again")
    assert [(pin.key, pin.reason) for pin in retention.pins()] == [("a", "first"), ("b", "again")]
    assert retention.unpin(["b", "c"]) == ["b"]
    assert [pin.key for pin in retention.pins()] == ["a"]


def test_one_of_many_does_a_chore_and_others_when_it_is_due_again(store: RunStore) -> None:
    retention = RetentionStore(store.database)
    began: list[str] = []

    def try_to(owner: str) -> None:
        if retention.begin("history", owner, 60, every=3600):
            began.append(owner)

    threads = [threading.Thread(target=try_to, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (owner,) = began
    assert retention.begin("purge", "other", 60)
    assert retention.begin("history", owner, 60)  # which renews it
    keep_on(retention, "history", owner)
    retention.end("history", owner, done=False)
    assert retention.begin("history", "other", 60, every=3600)
    retention.end("history", owner, done=True)  # not its own any more
    retention.end("history", "other", done=True)
    assert not retention.begin("history", "third", 60, every=3600)
    assert retention.begin("history", "third", 60)


def test_who_was_silent_for_too_long_has_lost_the_chore(store: RunStore) -> None:
    retention = RetentionStore(store.database)
    assert retention.begin("purge", "suspended", -1)
    assert retention.begin("purge", "other", 60)
    with pytest.raises(Conflict, match="ends here"):
        keep_on(retention, "purge", "suspended")
