"""The hand of a run: how large it is, and that nothing stays in it for long."""

from __future__ import annotations

import threading

from datanectar.rpc.hand import Hand


class Luigid:
    """Records what is given back."""

    def __init__(self) -> None:
        self.returned: list[str] = []
        self.has_returned = threading.Event()
        self.has_pushed = threading.Event()
        self.hand = Hand(self.take_back, self.has_pushed.set)

    def take_back(self, names: list[str]) -> None:
        self.returned += names
        self.has_returned.set()


def test_tasks_come_in_the_order_in_which_they_were_given() -> None:
    luigid = Luigid()
    luigid.hand.put(["a", "b"])

    assert [luigid.hand.take() for _ in range(3)] == ["a", "b", None]
    luigid.hand.close()
    assert luigid.returned == []


def test_it_grows_while_it_is_used_up_at_once_and_no_further_than_that() -> None:
    hand = Luigid().hand
    sizes = []
    for _ in range(12):
        sizes.append(hand.next_size())
        hand.put([])

    assert sizes[:3] == [1, 2, 4]
    assert sizes == sorted(sizes)
    assert sizes[-1] <= 128


def test_what_is_not_begun_soon_is_given_back_and_calls_are_sent_meanwhile() -> None:
    luigid = Luigid()
    luigid.hand.put(["a", "b"])
    assert luigid.hand.take() == "a"  # which takes long

    assert luigid.has_pushed.wait(30)
    assert luigid.has_returned.wait(30)

    assert luigid.returned == ["b"]
    assert luigid.hand.take() is None
    luigid.hand.close()


def test_at_its_end_everything_is_given_back_and_no_thread_is_left() -> None:
    before = threading.active_count()
    luigid = Luigid()
    luigid.hand.put(["a", "b"])

    luigid.hand.close()

    assert luigid.returned == ["a", "b"]
    assert threading.active_count() == before
