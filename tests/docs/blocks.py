"""The code blocks of a page, each with the file that it is, if the line before names one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: A fence, and the line before it when that ends in a file's name: `code/chains/a/b_chain.py`:
_BLOCK = re.compile(
    r"(?:`(?P<file>[\w./-]+)`:\n\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        language: ``python``, ``console`` ...
        text: what stands in it.
        file: where the reader is told to save it; None: nowhere.
        line: its number in the page, for messages.
    """

    language: str
    text: str
    file: str | None
    line: int

    @property
    def first_line(self) -> str:
        """The line by which the block is found in a table."""
        return self.text.partition("\n")[0]


@dataclass(frozen=True)
class Command:
    """A command of a console session, and what it shows."""

    text: str
    shown: str


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, in its order."""
    text = page.read_text()
    return [
        Block(m["language"], m["text"], m["file"], text.count("\n", 0, m.start("language")) + 1)
        for m in _BLOCK.finditer(text)
    ]


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a session: lines that begin with ``$``, and the lines after each."""
    parts = re.split(r"^\$ (.+)\n", block.text, flags=re.MULTILINE)[1:]
    return [Command(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
