"""What the tasks of ``tests/chains/faulty`` leave behind, read and judged."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

#: The chain whose tasks leave evidence.
FAULTY = "faulty/faulty_chain"


@dataclass(frozen=True)
class Line:
    """One line of evidence; ``attempt`` is ``<run>-<number>`` or ``<run>-<number>-<member>``."""

    event: str
    task: str
    attempt: str
    pid: int
    at: float


@dataclass(frozen=True)
class Evidence:
    """The folder that the tasks write to."""

    folder: Path

    def lines(self, event: str) -> list[Line]:
        """Return the lines of one kind: ``start``, ``end`` or ``overlap``."""
        file = self.folder / "lines"
        if not file.exists():
            return []
        found = [Line(**json.loads(line)) for line in file.read_text().splitlines()]
        return [line for line in found if line.event == event]

    def clear(self) -> None:
        """Remove all lines."""
        (self.folder / "lines").unlink(missing_ok=True)

    def starts(self, name: str) -> list[Line]:
        """Return the starts of tasks whose id has ``name`` in it."""
        return [line for line in self.lines("start") if name in line.task]

    def repeated(self) -> list[tuple[str, str]]:
        """Return what one attempt began more than once, as (task, attempt)."""
        counts = Counter((line.task, line.attempt) for line in self.lines("start"))
        return [pair for pair, count in counts.items() if count > 1]

    def overlapping(self) -> list[Line]:
        """Return the starts of tasks that another process was running at the time."""
        return self.lines("overlap")


def is_whole(file: Path) -> bool:
    """Tell whether a result is as its task wrote it: the last line is the rest's checksum."""
    *lines, checksum = file.read_text().splitlines(keepends=True)
    return hashlib.sha256("".join(lines).encode()).hexdigest() == checksum.strip()
