"""What the parts of a service take while it works: memory, and room on the disk."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.servers.site import Site

_MB = 1 << 20
#: Seconds of a process's life in which its memory still grows to its usual size.
_WARM = 60.0


@dataclass
class Life:
    """One process of a part, with what it and all below it took at each look: (second, MB)."""

    pid: int
    sizes: list[tuple[float, float]] = field(default_factory=list)

    @property
    def settled(self) -> list[tuple[float, float]]:
        """The looks after it has warmed up."""
        return [(at, size) for at, size in self.sizes if at - self.sizes[0][0] > _WARM]

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return self.sizes[-1][0] - self.sizes[0][0]


def slope(points: list[tuple[float, float]]) -> float:
    """Return by how much the second number grows in an hour of the first, by least squares."""
    if len(points) < 2:
        return 0.0
    middle = sum(at for at, _ in points) / len(points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    return 3600 * sum((at - middle) * size for at, size in points) / spread


class Samples:
    """Looks at every part of a site in a thread, every few seconds.

    Args:
        site: the parts.
        pause: seconds between two looks.
    """

    def __init__(self, site: Site, pause: float = 5.0) -> None:
        self._site = site
        self._pause = pause
        self.lives: dict[str, list[Life]] = {}
        #: (second, MB) of the folders of web and workers, without results.
        self.state: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def longest(self, part: str) -> Life:
        """Return the longest life of a part."""
        return max(self.lives[part], key=lambda life: life.seconds)

    def _look_again_and_again(self) -> None:
        while not self._over.wait(self._pause):
            now = time.monotonic()
            for name in list(self._site.stack.processes):
                with contextlib.suppress(psutil.Error):
                    self._note(name, self._site.pid(name), now)
            self.state.append((now, _size(self._site.stack.project, "state-*")))

    def _note(self, name: str, pid: int, now: float) -> None:
        size = _memory(psutil.Process(pid))
        lives = self.lives.setdefault(name, [])
        if not lives or lives[-1].pid != pid:
            lives.append(Life(pid))
        lives[-1].sizes.append((now, size))


def _memory(process: psutil.Process) -> float:
    """Return the MB of a process and all below it; what several share counts once (PSS)."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += each.memory_full_info().pss
    return total / _MB


def _size(folder: Path, pattern: str) -> float:
    total = 0
    for top in folder.glob(pattern):
        for file in top.rglob("*"):
            with contextlib.suppress(OSError):
                total += file.lstat().st_size
    return total / _MB
