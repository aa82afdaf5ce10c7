"""Programs that some tests need and a machine may lack: named, with their cure, when tests end."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

#: Begins the reason of such a skip; what follows is the program and the command that brings it.
_SKIP = "missing program"


def require(program: str, cure: str) -> NoReturn:
    """Skip a test that needs a program that is not there; fail it in CI.

    Args:
        program: what is missing, e.g. ``Chromium``.
        cure: the command that brings it.
    """
    reason = f"{_SKIP}: {program}: {cure}"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


def summarize(terminal: pytest.TerminalReporter) -> None:
    """Write which programs were missing, how many tests they cost, and how to get them."""
    counts: dict[str, int] = {}
    for report in terminal.getreports("skipped"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        _, found, rest = reason.partition(f"{_SKIP}: ")
        if found:
            counts[rest] = counts.get(rest, 0) + 1
    if counts:
        terminal.section("skipped tests")
    for rest, count in sorted(counts.items()):
        program, _, cure = rest.partition(": ")
        terminal.write_line(f"{count} for want of {program}. It comes with: {cure}")
