"""Text of others on a terminal: what could steer the terminal, or turn the text around, is spelt out.

rich draws tables, trees and progress there; it is imported only for a terminal, since that takes time.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

#: An escape sequence that sets a colour or a weight (ECMA-48 SGR), the one kind that may pass; or a
#: sign that may not: C0 and C1 but for line end and tab, and those that change the direction of text.
_SIGNS = re.compile(
    "(?P<colour>\x1b\\[[0-9;:]*m)|(?P<line>\r\n)"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
#: rich's styles of statuses.
_STYLES = {"DONE": "green", "FAILED": "bold red", "DISABLED": "bold red", "RUNNING": "cyan"}


def escaped(text: str) -> str:
    """Return ``text`` with every sign that a terminal would obey, colours excepted, as its code.

    Colours are left out when ``NO_COLOR`` is set (no-color.org).
    """
    spelt = _SIGNS.sub(lambda found: found[0] if found.lastgroup else _code(found[0]), text)
    return _COLOUR.sub("", spelt) if os.environ.get("NO_COLOR") else spelt


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text that others wrote.

    Args:
        text: the text; through a pipe it goes as it is.
        err: whether it goes to standard error.
        nl: whether the line ends with it.
    """
    stream = sys.stderr if err else sys.stdout
    shown = escaped(text) if stream.isatty() else text
    click.echo(_SURROGATES.sub(lambda found: _code(found[0]), shown), err=err, nl=nl)


def console(*, err: bool = False) -> Console:
    """Return rich's console for a terminal; it wraps at the terminal's width, and keeps ``NO_COLOR``."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, markup=False, emoji=False)


def styled(text: str, style: str = "") -> Text:
    """Return a text that others wrote for rich: a status in its colour, all else in ``style``."""
    from rich.text import Text

    return Text.from_ansi(_printable(text), style=_STYLES.get(text, style))


def progress() -> Progress:
    """Return rich's progress for standard error: words, a bar, so many of so many, the time."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    words = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(err=True), transient=True)


def _printable(text: str) -> str:
    return _SURROGATES.sub(lambda found: _code(found[0]), escaped(text))


def _code(sign: str) -> str:
    return f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}"
