"""Where a run is shown while it goes on: lines, and on a terminal a bar of its tasks below them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from datanectar.cli.terminal import echo, escaped, progress, styled
from datanectar.statuses import ENDED, RUNNING

#: The most characters of the names of running tasks.
_WIDTH = 40


class Display:
    """Prints text to standard error."""

    def say(self, text: str) -> None:
        """Print some text of the log, or a line of this command; it ends with a line end mostly."""
        echo(text, err=True, nl=False)

    def show(self, nodes: list[dict[str, Any]]) -> None:
        """Show how far the tasks are: nothing but lines, where no terminal is."""


class _Bar(Display):
    def __init__(self) -> None:
        self.progress = progress()
        self._task = self.progress.add_task("waiting", total=None)

    def say(self, text: str) -> None:
        end = "\n" if text.endswith("\n") else ""
        self.progress.console.print(styled(text.removesuffix("\n")), end=end, soft_wrap=True)

    def show(self, nodes: list[dict[str, Any]]) -> None:
        running = [node for node in nodes if node["status"] == RUNNING]
        names = ", ".join(dict.fromkeys(map(_words, running)))
        parts = sum((node["progress"] or 0) / 100 for node in running)
        self.progress.update(
            self._task,
            description=escaped(names)[:_WIDTH] or "waiting",
            total=len(nodes) or None,
            completed=sum(node["status"] in ENDED for node in nodes) + parts,
        )


@contextlib.contextmanager
def run_display() -> Iterator[Display]:
    """Give, for the block, the display that fits standard error."""
    if not sys.stderr.isatty():
        yield Display()
        return
    bar = _Bar()
    with bar.progress:
        yield bar


def _words(node: dict[str, Any]) -> str:
    name = str(node["family"].rpartition(".")[2])
    return f"{name}: {node['status_message']}" if node["status_message"] else name
