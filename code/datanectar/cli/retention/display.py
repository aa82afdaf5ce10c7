"""How a purge is shown: a table of what goes, what is kept and why."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from datanectar.cli.options import echo_rows, shown_time
from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    from datanectar.retention.rules import Report, Row

#: So many reasons why something is kept are shown.
_REASONS = 20


def show(report: Report) -> None:
    """Print what goes as a table, and on standard error the sums, what is kept, and the notes."""
    rows = sorted(report.rows.values(), key=lambda row: (row.what, row.place, row.store))
    if rows:
        echo_rows(map(_fields, rows), "what", "task", "count", "files", "size", "oldest", "in")
    echo(_sum(rows), err=True)
    kept = sorted(report.kept.items(), key=lambda each: -each[1])
    for why, count in kept[:_REASONS]:
        echo(f"old, but kept: {count}, {why}", err=True)
    if len(kept) > _REASONS:
        rest = sum(count for _, count in kept[_REASONS:])
        echo(f"old, but kept: {rest}, for {len(kept) - _REASONS} other reasons", err=True)
    for note in report.notes:
        echo(note, err=True)


def data_of(report: Report, *, deleted: bool) -> dict[str, Any]:
    """Return a report for ``--json``."""
    rows = sorted(report.rows.values(), key=lambda row: (row.what, row.place, row.store))
    return {
        "deleted": deleted,
        "items": [{**_data(row)} for row in rows],
        "bytes": sum(row.size for row in rows),
        "kept": [{"why": why, "count": count} for why, count in sorted(report.kept.items())],
        "notes": report.notes,
    }


def shown_size(size: float) -> str:
    """Return a number of bytes with its unit: ``1.5 MB`` is 1,500,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _fields(row: Row) -> tuple[Any, ...]:
    files = row.files or None
    oldest = shown_time(_iso(row.oldest))
    return row.what, row.place, row.count, files, shown_size(row.size), oldest, row.store


def _data(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "task": row.place,
        "count": row.count,
        "files": row.files,
        "bytes": row.size,
        "oldest": _iso(row.oldest),
        "in": row.store,
    }


def _sum(rows: list[Row]) -> str:
    if not rows:
        return "Nothing is old enough to go."
    counts = {row.what: 0 for row in rows}
    for row in rows:
        counts[row.what] += row.count
    words = ", ".join(f"{count} {what}" for what, count in counts.items())
    return f"{words}: {shown_size(sum(row.size for row in rows))}"


def _iso(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, timezone.utc).isoformat(timespec="seconds")
