"""``python -m benchmarks.soak --minutes 30``: load without a pause, a kill every 20 s, and its books.

Two webs, three worker hosts and one luigid, on PostgreSQL and Redis. web-1 and east are never
stopped, so that their memory tells something; the rest is killed in turn, and replaced by a rolling
restart every 5 minutes. In the middle the disk with results and state is full for 10 s, where this
process may mount one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # for `tests`, from wherever this is run

from benchmarks.soak.samples import Samples, slope
from tests.servers.bookkeeping import Bookkeeper, Books
from tests.servers.load import Load
from tests.servers.postgres import NOT_DURABLE, new_database, postgres_server
from tests.servers.redis import redis_server
from tests.servers.site import Site, site

_KILL_EVERY, _ROLL_EVERY, _FULL = 20.0, 300.0, 10.0
_KILLED = ("web-2", "north", "west", "luigid")
_REPLACED = ("north", "west", "web-2")
_DISK_MB = 512
#: Seconds that a process has to live for its memory's slope to mean something.
_TELLING = 300.0
_NO_ROOM = "No space left on device"


class Soak:
    """One soak of a site.

    Args:
        served: the site, started.
        seconds: how long.
        disk: the folder whose disk is filled once, or None.
    """

    def __init__(self, served: Site, seconds: float, disk: Path | None) -> None:
        self._site = served
        self._seconds = seconds
        self._disk = disk
        self._books = Bookkeeper(served.stack, served.evidence, children={})
        self._over = threading.Event()
        self._load = Load(served.stack, seed=0, number=0)
        self._load.names.clear()
        self.samples = Samples(served)
        self.done: list[str] = []

    def run(self) -> Books:
        """Return the books."""
        poster = threading.Thread(target=self._post_all)
        poster.start()
        self.samples.start()
        try:
            self._break_again_and_again()
        finally:
            self._over.set()
            poster.join()
            self.samples.stop()
        return self._books.check(self._load, "soak")

    def _post_all(self) -> None:
        for number in itertools.count(1):
            load = Load(self._site.stack, seed=number, number=number)
            load.thread.start()
            load.thread.join()
            self._load.names |= load.names
            self._load.accepted |= load.accepted
            self._load.refused += load.refused
            if self._over.wait(1.0):
                return

    def _break_again_and_again(self) -> None:
        end = time.monotonic() + self._seconds
        full_at = end - self._seconds / 2 if self._disk else end
        roll_at = time.monotonic() + min(_ROLL_EVERY, self._seconds / 2)
        for name in itertools.cycle(_KILLED):
            time.sleep(max(0.0, min(_KILL_EVERY, end - time.monotonic())))
            now = time.monotonic()
            if now >= end:
                return
            if now >= roll_at:
                self._roll()
                roll_at = now + _ROLL_EVERY
            elif now >= full_at and self._disk:
                self._fill(self._disk)
                full_at = end
            else:
                self._site.restart(name)
                self._note(f"kill {name}")

    def _roll(self) -> None:
        for name in _REPLACED:
            if name.startswith("web"):
                self._site.stack.stop(name)
                self._site.start_web(name)
            else:
                self._site.drain(name)
        self._note("rolling restart")

    def _fill(self, disk: Path) -> None:
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        time.sleep(_FULL)
        filler.unlink()
        self._note("full disk")

    def _note(self, what: str) -> None:
        self.done.append(what)
        print(
            f"{time.strftime('%H:%M:%S')} {what}; {len(self._load.accepted)} accepted", flush=True
        )


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a small file system at a folder, if this process may; yield the folder, or None."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def report(soak: Soak, books: Books) -> None:
    """Print what was done, the books, and what each part took."""
    no_room = [problem for problem in books.wrong if _NO_ROOM in problem]
    books.wrong = [problem for problem in books.wrong if _NO_ROOM not in problem]
    print(f"\n{books}")
    print(f"failed for want of room, as they should: {len(no_room)}")
    print(", ".join(f"{name}: {soak.done.count(name)}" for name in sorted(set(soak.done))))
    for part in sorted(soak.samples.lives):
        life = soak.samples.longest(part)
        points = life.settled or life.sizes
        grows = f"{slope(points):+.1f} MB/h" if life.seconds > _TELLING else "too short for a slope"
        print(
            f"{part:<8} {points[0][1]:6.1f} to {points[-1][1]:6.1f} MB in {life.seconds / 60:.1f} min, "
            f"{grows}; lives: {len(soak.samples.lives[part])}"
        )
    sizes = [size for _, size in soak.samples.state]
    print(
        f"state folders: {sizes[0]:.2f} MB at first, {max(sizes):.2f} at most, {sizes[-1]:.2f} at last"
    )


def main() -> int:
    """Soak; return 1 when anything in the books is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="datanectar-soak-")))
        server = stack.enter_context(postgres_server(NOT_DURABLE))
        database = stack.enter_context(new_database(server))
        (folder / "redis").mkdir()
        queue = stack.enter_context(redis_server(folder / "redis"))
        disk = stack.enter_context(small_disk(folder / "project"))
        print(f"disk to fill: {disk or 'none: this process may not mount one'}", flush=True)
        served = stack.enter_context(site(folder, database, queue))
        soak = Soak(served, minutes * 60, disk)
        books = soak.run()
        report(soak, books)
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
