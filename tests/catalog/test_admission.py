"""So many requests wait for chains at a time, and the next is refused."""

from __future__ import annotations

import threading

import pytest

from datanectar.catalog import admission as module
from datanectar.catalog.admission import Admission
from datanectar.errors import Unavailable


def enter(admission: Admission) -> None:
    with admission.place():
        pass


def test_a_request_without_a_place_is_refused_and_told_when_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.05)
    admission = Admission(1)

    with admission.place(), pytest.raises(Unavailable, match="Too many requests") as refused:
        enter(admission)

    assert refused.value.headers == {"Retry-After": "5"}
    enter(admission)


def test_after_one_refusal_the_next_is_at_once_until_a_place_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.05)
    admission = Admission(1)
    with admission.place():
        with pytest.raises(Unavailable):
            enter(admission)
        monkeypatch.setattr(module, "_TIMEOUT", 3600.0)
        with pytest.raises(Unavailable):
            enter(admission)

    with admission.place():
        waiter = threading.Thread(target=enter, args=[admission], daemon=True)
        waiter.start()
        assert waiter.is_alive()
    waiter.join(30)
    assert not waiter.is_alive(), "a released place is given to who waits"
