"""A backfill's progress: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from datanectar.cli.terminal import echo, progress

Show = Callable[[dict[str, Any]], None]


@contextmanager
def progress_bar() -> Iterator[Show]:
    """Give a function that shows a backfill as the API has it, on standard error."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    with progress() as bar:
        row = bar.add_task("", total=None)

        def show(found: dict[str, Any]) -> None:
            words = f"{found['counts']['running']} running, {found['counts']['failed']} failed"
            bar.update(row, total=found["total"], completed=_ended(found), description=words)

        yield show


def _lines() -> Show:
    """Return a function that prints a line for each tenth of the items that has ended."""
    shown: set[int] = set()

    def show(found: dict[str, Any]) -> None:
        tenth = found["progress"] // 10
        if tenth not in shown:
            shown.add(tenth)
            failed = f", {found['counts']['failed']} failed" if found["counts"]["failed"] else ""
            echo(f"{_ended(found)}/{found['total']}{failed}", err=True)

    return show


def _ended(found: dict[str, Any]) -> int:
    open_items = found["counts"]["running"] + found["counts"]["waiting"]
    return int(found["total"] - open_items)
