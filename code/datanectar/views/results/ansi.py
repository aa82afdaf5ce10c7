"""Terminal colours (ECMA-48 SGR) as HTML, with the classes of ``static/ansi.js``."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_SEQUENCE = re.compile(r"\x1b(?:\[([0-9;:?]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}
#: The first code of a range of eight colours, by the class that it sets and its first number.
_COLOURS = {30: ("fg", 0), 90: ("fg", 8), 40: ("bg", 0), 100: ("bg", 8)}


def coloured(text: str) -> Markup:
    """Return a text with terminal colours as HTML; other control sequences are dropped."""
    pieces: list[Markup] = []
    style: dict[str, str] = {}
    start = 0
    for found in _SEQUENCE.finditer(text):
        pieces.append(_span(text[start : found.start()], style))
        start = found.end()
        if found[2] == "m":
            style = _applied(style, [int(n or 0) for n in re.split("[;:]", found[1]) if n != "?"])
    pieces.append(_span(text[start:], style))
    return Markup("").join(pieces)


def _span(text: str, style: dict[str, str]) -> Markup:
    if not text or not style:
        return escape(text)
    return Markup('<span class="{}">{}</span>').format(" ".join(style.values()), text)


def _applied(style: dict[str, str], numbers: list[int]) -> dict[str, str]:
    """Return a style, changed by the numbers of one sequence."""
    style, rest = dict(style), list(numbers)
    while rest:
        number = rest.pop(0)
        if number in (38, 48):
            _extended(style, "fg" if number == 38 else "bg", rest)
        elif number == 0:
            style.clear()
        elif number in _ON:
            style[_ON[number]] = _ON[number]
        elif number in _OFF:
            for name in _OFF[number]:
                style.pop(name, None)
        elif number in (39, 49):
            style.pop("fg" if number == 39 else "bg", None)
        elif number - number % 10 in _COLOURS and number % 10 < 8:
            side, first = _COLOURS[number - number % 10]
            style[side] = f"{side}{first + number % 10}"
    return style


def _extended(style: dict[str, str], side: str, rest: list[int]) -> None:
    """Apply ``5;N`` where N is one of the first sixteen colours; skip ``2;R;G;B``."""
    kind = rest.pop(0) if rest else 0
    if kind == 2:
        del rest[:3]
    elif kind == 5 and rest:
        number = rest.pop(0)
        style.pop(side, None)
        if number < 16:
            style[side] = f"{side}{number}"
