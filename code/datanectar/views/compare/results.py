"""The results of two runs side by side, where they are text or tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datanectar.errors import DatanectarError
from datanectar.service.result_file import ResultFile, ResultFolder
from datanectar.views.compare.lines import Comparison, compare, split_lines
from datanectar.views.results.preview import beginning, decoded, is_table_file
from datanectar.views.results.tables import read_table

#: The most files of a result that are compared.
MOST_FILES = 5
_CELLS_APART = " │ "


@dataclass(frozen=True)
class Side:
    """What is compared of one file: its lines, the names of its columns, and its rows, if it has any."""

    lines: list[str]
    header: list[str] | None = None
    rows: int | None = None


@dataclass(frozen=True)
class FilePair:
    """A file of each result by one name; ``why`` tells why they can't be compared.

    ``added`` and ``removed`` are columns that only the right one or only the left one has; ``rows``
    how many each has.
    """

    name: str
    comparison: Comparison | None = None
    why: str = ""
    sizes: tuple[int | None, int | None] = (None, None)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rows: tuple[int | None, int | None] = (None, None)


Rows = Callable[[ResultFile], Any]


def file_pairs(
    left: list[ResultFile], right: list[ResultFile], rows: tuple[Rows, Rows]
) -> list[FilePair]:
    """Return the files of two results in pairs: by name, and what has one alone with what the other has.

    Args:
        left, right: the files.
        rows: return the first rows of a Parquet or Excel file of each side, as
            :class:`~datanectar.messages.pages.TableRows`.
    """
    if len(left) == len(right) == 1:
        return [_pair(left[0], right[0], rows)]
    others = {file.name: file for file in right}
    names = {file.name: file for file in left}
    pairs = [_pair(file, others[name], rows) for name, file in names.items() if name in others]
    alone = [
        FilePair(name, why="Only the left one has it.") for name in names if name not in others
    ]
    alone += [
        FilePair(name, why="Only the right one has it.") for name in others if name not in names
    ]
    return [*pairs, *alone]


def _pair(left: ResultFile, right: ResultFile, rows: tuple[Rows, Rows]) -> FilePair:
    sizes = (left.size, right.size)
    try:
        sides = [_side(file, read) for file, read in zip((left, right), rows, strict=True)]
    except (DatanectarError, OSError) as problem:
        return FilePair(right.name, why=f"It can't be read: {problem}", sizes=sizes)
    one, other = sides
    if one is None or other is None:
        return FilePair(right.name, why="It is neither text nor a table.", sizes=sizes)
    added = tuple(name for name in other.header or () if name not in (one.header or ()))
    removed = tuple(name for name in one.header or () if name not in (other.header or ()))
    comparison = compare(one.lines, other.lines)
    return FilePair(right.name, comparison, "", sizes, added, removed, (one.rows, other.rows))


def _side(file: ResultFile, rows: Rows) -> Side | None:
    """Return what is compared of a file; None when that is neither text nor a table."""
    if isinstance(file, ResultFolder):
        return Side([f"{one.name}  {one.size} B" for one in file.files()])
    content, ending = beginning(file), file.name.rpartition(".")[2].lower()
    if is_table_file(content, ending):
        found = rows(file)
        return Side([_CELLS_APART.join(row) for row in found.rows], found.header, found.count)
    is_cut = (file.size or 0) > len(content)
    text = decoded(content, is_cut, ending)
    if text is None:
        return None
    if not is_cut and (lines := _json_lines(text)):
        return Side(lines)
    table = read_table(text, ending, file.size if is_cut else None)
    lines = split_lines(text.removesuffix("\n"))
    return Side(lines, table.header, table.count) if table else Side(lines)


def _json_lines(text: str) -> list[str]:
    """Return JSON in a line for each value, names in order; nothing when the text is no JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return []
    try:
        return json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False).split(
            "\n"
        )
    except (ValueError, RecursionError):
        return []
