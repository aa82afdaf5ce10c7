"""Text of others on a terminal: what could steer the terminal, or turn the text around, is spelt out."""

from __future__ import annotations

import re
import sys

import click

#: An escape sequence that sets a colour or a weight (ECMA-48 SGR), the one kind that may pass; or a
#: sign that may not: C0 and C1 but for line end and tab, and those that change the direction of text.
_SIGNS = re.compile(
    "(?P<colour>\x1b\\[[0-9;:]*m)|(?P<line>\r\n)"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


def escaped(text: str) -> str:
    """Return ``text`` with every sign that a terminal would obey, colours excepted, as its code."""
    return _SIGNS.sub(lambda found: found[0] if found.lastgroup else _code(found[0]), text)


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


def _code(sign: str) -> str:
    return f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}"
