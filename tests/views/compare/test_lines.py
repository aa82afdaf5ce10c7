"""Two texts side by side: what differs, what does not count, and what is left out."""

from __future__ import annotations

import random

import pytest

from datanectar.views.compare.lines import MOST_LINES, Pair, compare, split_lines


def kinds(pairs: list[Pair]) -> list[str]:
    return [f"skipped {pair.skipped}" if pair.skipped else pair.kind for pair in pairs]


def test_lines_stand_beside_each_other_and_far_equal_ones_are_left_out() -> None:
    left = [str(number) for number in range(20)]
    right = [*left[:10], "ten", *left[11:], "more"]
    found = compare(left, right)
    assert found.differing == 2
    assert kinds(found.pairs) == [
        "skipped 7", *["same"] * 3, "changed", *["same"] * 3, "skipped 3", *["same"] * 3, "right",
    ]  # fmt: skip
    changed = found.pairs[4]
    assert changed.left is not None
    assert changed.right is not None
    assert (changed.left.number, changed.right.number) == (11, 11)
    last = found.pairs[-1]
    assert last.left is None
    assert last.right is not None
    assert last.right.number == 21


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("2026-11-28 09:00:12,461+0000 INFO done", "2026-11-29 10:00:00,001+0000 INFO done"),
        ("took 12.5 s", "took 3 s"),
        ("09:00:12 at 0x7ff14f95dd50 [pid 12]", "10:00:12.5 at 0x1 [pid 99]"),
        (f"run 01m8gp4ae1hnsvjsahzrqnv267 of {1:032x}", f"run 01m8gp4aw4ty1k37aexp7fde49 of {2:032x}"),
    ],
)  # fmt: skip
def test_what_differs_in_each_run_does_not_count_in_logs(left: str, right: str) -> None:
    assert compare([left], [right], vary=True).differing == 0
    assert compare([left], [right]).differing == 1


def test_the_words_that_differ_are_marked() -> None:
    line = "2026-11-28 09:00:{:02} INFO read day={} of shop={}"
    found = compare([line.format(1, "a", "x")], [line.format(2, "b", "x")], vary=True)
    pair = found.pairs[0]
    assert pair.left is not None
    assert pair.right is not None
    assert [text for text, differs in pair.left.text if differs] == ["a"]
    assert [text for text, differs in pair.right.text if differs] == ["b"]
    assert "".join(text for text, _ in pair.right.text) == line.format(2, "b", "x")


def test_in_results_times_count() -> None:
    pair = compare(["at 09:00:12 x"], ["at 10:00:12 x"]).pairs[0]
    assert pair.left is not None
    assert pair.left.text == [("at ", False), ("09:00:12", True), (" x", False)]


def test_long_texts_are_compared_in_part() -> None:
    left = [str(number) for number in range(5000)]
    first, last = compare(left, [*left, "x"]), compare(left, [*left, "x"], from_end=True)
    assert first.cut
    assert first.differing == 0
    assert last.cut
    assert last.pairs[-1].right is not None
    assert last.pairs[-1].right.number == 5001
    assert split_lines("a\x1b[31mb\x1b[0m\n10 %\r20 %\n" + "x" * 9999) == ["ab", "20 %", "x" * 400]


def test_every_line_is_there_once_whatever_the_texts_are() -> None:
    drawn = random.Random(7)
    for size in (0, 1, 5, 50, MOST_LINES):
        left, right = ([drawn.choice("abcd") for _ in range(size)] for _ in range(2))
        pairs = compare(left, right).pairs
        for side in ("left", "right"):
            lines = [getattr(pair, side) for pair in pairs]
            numbers = [line.number for line in lines if line]
            skipped = sum(pair.skipped for pair in pairs)
            assert numbers == sorted(set(numbers))
            assert len(numbers) + skipped == size
