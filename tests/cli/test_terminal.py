"""Text of others on a terminal."""

from __future__ import annotations

import pytest

from datanectar.cli.terminal import escaped

PASSES = ["plain\n\ttext\r\n", "\x1b[1;31mred\x1b[0m", "\x1b[38;5;8mgrey\x1b[m", "äö → 東京 🐝"]
ESCAPED = {
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x1b[2J": "\\x1b[2J",
    "\x1b]52;c;aGk=\x1b\\": "\\x1b]52;c;aGk=\\x1b\\",
    "\x1b[31": "\\x1b[31",
    "\x9b2J\x9d0;t\x9c": "\\x9b2J\\x9d0;t\\x9c",
    "a\rb": "a\\x0db",
    "\x08\x7f\x00": "\\x08\\x7f\\x00",
    "\u202eabc\u2066\u2069": "\\u202eabc\\u2066\\u2069",
    "\x1bPq\x1b\\": "\\x1bPq\\x1b\\",
    "\x1b[?1049h": "\\x1b[?1049h",
}


@pytest.mark.parametrize("text", PASSES)
def test_text_and_colours_pass(text: str) -> None:
    assert escaped(text) == text


@pytest.mark.parametrize(("text", "shown"), ESCAPED.items())
def test_what_steers_a_terminal_is_spelt_out(text: str, shown: str) -> None:
    """Fault 4.12."""
    assert escaped(text) == shown
