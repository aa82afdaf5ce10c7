"""Tables in text files: CSV of any separator, with quotes and line breaks in cells."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

#: The most rows and columns of a table that are shown.
MOST_ROWS, MOST_COLUMNS = 50, 30
#: What may separate cells, the likeliest first; Hive writes U+0001.
_SEPARATORS = (",", ";", "\t", "|", "\x01", "^", "~", ":")
#: Endings of files that hold a table, and the separator that the ending names.
ENDINGS = {"csv": None, "tsv": "\t", "tab": "\t", "psv": "|"}
#: A file of another name is taken for a table with so many lines, all of one width.
_LEAST_LINES = 3
_NAMED_ONLY = (":", "^", "~")
#: Characters of a table that are read where all of it is not.
_BEGINNING = 64 * 1024


@dataclass(frozen=True)
class Table:
    """The first rows of a table; ``count`` counts all rows below the header, if that is known.

    ``is_estimate``: the count comes from the file's size. ``numeric`` are columns of numbers.
    """

    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    count: int | None = None
    is_estimate: bool = False
    columns: int = 0
    numeric: frozenset[int] = frozenset()


def shown(header: list[str], rows: list[list[str]], count: int | None = None) -> Table:
    """Return a table of at most :data:`MOST_ROWS` rows and :data:`MOST_COLUMNS` columns."""
    kept = [row[:MOST_COLUMNS] for row in rows[:MOST_ROWS]]
    columns = max((len(row) for row in (header, *rows[:MOST_ROWS])), default=0)
    numeric = frozenset(at for at in range(min(columns, MOST_COLUMNS)) if _is_numeric(kept, at))
    return Table(header[:MOST_COLUMNS], kept, count, False, columns, numeric)


def _is_numeric(rows: list[list[str]], at: int) -> bool:
    cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
    return bool(cells) and all(map(_is_number, cells))


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ".").removesuffix("%"))
    except ValueError:
        return False
    return True


def read_table(text: str, ending: str, whole_size: int | None) -> Table | None:
    """Return the table that a text begins with, or None when it is none.

    Args:
        text: the file's beginning, or all of it.
        ending: the file's, without the dot: it tells that the file is a table.
        whole_size: the file's size in bytes if ``text`` is only its beginning; else None.
    """
    if whole_size is not None:
        text = text[:_BEGINNING]
    lines = _lines(text, ending, is_cut=whole_size is not None)
    if not lines:
        return None
    header, *rows = lines
    table = shown(header, rows, len(rows))
    if whole_size is None:
        return table
    read = len(text.encode(errors="replace"))
    return Table(**{**vars(table), "count": len(rows) * whole_size // read, "is_estimate": True})


def _lines(text: str, ending: str, *, is_cut: bool) -> list[list[str]]:
    """Return the lines of cells, read with the separator that fits best; empty: it is no table."""
    is_named = ending in ENDINGS
    separators: Sequence[str] = [ENDINGS[ending] or ""] if ENDINGS.get(ending) else _SEPARATORS
    if not is_named:
        separators = tuple(one for one in _SEPARATORS if one not in _NAMED_ONLY)
    beginning = text[:16_384]
    is_part = is_cut or len(beginning) < len(text)
    readings = {one: _read(beginning, one, is_part) for one in separators}
    best = max(readings, key=lambda one: _fit(readings[one]))  # the first of equals
    found = readings[best]
    widths = {len(line) for line in found if line}
    if not is_named and (len(found) < _LEAST_LINES or widths == {1} or len(widths) != 1):
        return []
    return [line for line in _read(text, best, is_cut) if line]


def _read(text: str, separator: str, is_cut: bool) -> list[list[str]]:
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error:
        return []
    return lines[:-1] if is_cut and len(lines) > 1 else lines  # the last may be incomplete


def _fit(lines: list[list[str]]) -> float:
    """Return the share of lines with the commonest width, 0 when that is 1."""
    widths = Counter(len(line) for line in lines if line)
    if not widths:
        return 0
    width, count = widths.most_common(1)[0]
    return count / widths.total() if width > 1 else 0
