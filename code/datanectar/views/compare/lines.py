"""Two texts side by side, line by line; bounded, whatever they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from operator import itemgetter

#: The lines of each text that are compared, the characters of a line, and the equal lines that are
#: shown around those that differ.
MOST_LINES, _LONGEST, _AROUND = 400, 400, 3
#: What differs in each run, and tells nothing: times, durations, addresses, ids of runs and keys.
_VARYING = re.compile(
    r"\b(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z| UTC|[+-]\d\d:?\d\d)?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"|\d{1,12}(?:\.\d{1,12})? ?(?:ms|s|sec|seconds|min|minutes)\b"
    r"|0x[0-9a-f]+\b|[0-9a-f]{32}\b|[0-7][0-9a-hjkmnp-tv-z]{25}\b"
    r"|pid[ =:]?\d+)"
)
_WORD = re.compile(rf"{_VARYING.pattern}|\w+|\W")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


#: A part of a line, and whether the other side's line has another one there.
Piece = tuple[str, bool]


@dataclass(frozen=True)
class Line:
    """A line of one side: its number, and its text in pieces, each with whether it differs."""

    number: int
    text: list[Piece]


@dataclass(frozen=True)
class Pair:
    """Lines that stand side by side; a side that has none is None.

    ``kind`` is same, changed, left or right. ``skipped`` counts equal lines that are left out here;
    then there are no lines.
    """

    kind: str
    left: Line | None = None
    right: Line | None = None
    skipped: int = 0


@dataclass(frozen=True)
class Comparison:
    """Two texts: the pairs of lines, and how many lines differ. ``cut``: only a part was compared."""

    pairs: list[Pair]
    differing: int
    cut: bool = False


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without colours; of a line that was drawn anew, what it was last."""
    lines = (line.rpartition("\r")[2] for line in _ANSI.sub("", text).split("\n"))
    return [line[:_LONGEST] for line in lines]


def compare(
    left: Sequence[str], right: Sequence[str], *, vary: bool = False, from_end: bool = False
) -> Comparison:
    """Return two texts' lines side by side.

    Args:
        left, right: the lines.
        vary: lines that differ in times, durations and ids only are equal.
        from_end: of long texts the last lines are compared, not the first.
    """
    cut = max(len(left), len(right)) > MOST_LINES
    parts = [lines[-MOST_LINES:] if from_end else lines[:MOST_LINES] for lines in (left, right)]
    firsts = [max(0, len(lines) - MOST_LINES) if from_end else 0 for lines in (left, right)]
    keys = [[_VARYING.sub("~", line) for line in part] if vary else part for part in parts]
    pairs: list[Pair] = []
    for kind, i1, i2, j1, j2 in _blocks(*keys):
        numbers = zip_longest(range(i1, i2), range(j1, j2))
        pairs += [_pair(kind, parts, firsts, pair, vary=vary) for pair in numbers]
    differing = sum(1 for pair in pairs if pair.kind != "same")
    return Comparison(_without_equal(pairs), differing, cut)


def _blocks(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """Return difflib's blocks. What both begin and end with is left to no search: that is quadratic."""
    begin = _common(left, right)
    rest = [left[begin:][::-1], right[begin:][::-1]]
    end = _common(*rest)
    middle = SequenceMatcher(None, rest[0][end:][::-1], rest[1][end:][::-1])
    return [
        ("equal", 0, begin, 0, begin),
        *(
            (kind, i1 + begin, i2 + begin, j1 + begin, j2 + begin)
            for kind, i1, i2, j1, j2 in middle.get_opcodes()
        ),
        ("equal", len(left) - end, len(left), len(right) - end, len(right)),
    ]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many items both begin with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))


def _pair(
    kind: str,
    parts: Sequence[Sequence[str]],
    firsts: Sequence[int],
    numbers: tuple[int | None, int | None],
    *,
    vary: bool,
) -> Pair:
    at, to = numbers
    left = parts[0][at] if at is not None else None
    right = parts[1][to] if to is not None else None
    texts = _marked(left, right, is_same=kind == "equal", vary=vary)
    lines = [
        None if number is None else Line(first + number + 1, text)
        for number, first, text in zip(numbers, firsts, texts, strict=True)
    ]
    word = "left" if to is None else "right" if at is None else "changed"
    return Pair("same" if kind == "equal" else word, lines[0], lines[1])


def _marked(left: str | None, right: str | None, *, is_same: bool, vary: bool) -> list[list[Piece]]:
    """Return both texts in pieces."""
    if is_same or left is None or right is None:
        return [[(text or "", False)] for text in (left, right)]
    words = [_WORD.findall(text) for text in (left, right)]
    kept = [[_VARYING.sub("~", word) for word in side] for side in words] if vary else words
    begin = _common(*kept)
    end = _common(*(side[begin:][::-1] for side in kept))
    return [_pieces(words[side], kept[side], kept[1 - side], begin, end) for side in (0, 1)]


def _pieces(
    words: list[str], kept: list[str], other: list[str], begin: int, end: int
) -> list[Piece]:
    """Return a line's words in pieces. Of equally many words each is compared with the other's."""
    is_even = len(kept) == len(other)
    marks = (
        begin <= at < len(kept) - end and not (is_even and kept[at] == other[at])
        for at in range(len(kept))
    )
    pairs = groupby(zip(words, marks, strict=True), key=itemgetter(1))
    return [("".join(word for word, _ in group), mark) for mark, group in pairs]


def _without_equal(pairs: list[Pair]) -> list[Pair]:
    """Return the pairs without the equal ones that are far from any other."""
    differ = [number for number, pair in enumerate(pairs) if pair.kind != "same"]
    near = {at for number in differ for at in range(number - _AROUND, number + _AROUND + 1)}
    shown: list[Pair] = []
    for number, pair in enumerate(pairs):
        if number in near:
            shown.append(pair)
        elif shown and shown[-1].skipped:
            shown[-1] = Pair("same", skipped=shown[-1].skipped + 1)
        else:
            shown.append(Pair("same", skipped=1))
    return shown
