"""What chains there are, kept up to date: only files that changed are imported again."""

from __future__ import annotations

import contextlib
import logging
import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

from msgspec import structs

from datanectar.catalog.admission import Admission
from datanectar.catalog.files import (
    ChainFile,
    chain_path,
    file_stamp,
    find_chains,
    like_chain,
    luigi_stamps,
)
from datanectar.child_pool import ChildPool
from datanectar.errors import ChainError, DatanectarError, NotFound, Unavailable
from datanectar.messages import ChainDescription, DescribeJob, DescribeManyJob
from datanectar.settings import Settings

log = logging.getLogger(__name__)

#: An error is looked at again when so many times as long has passed as it took to find: its cause
#: may lie where no stamp shows it, and a chain that hangs must not hang every request.
_ERROR_PATIENCE = 10
#: Seconds that an error holds at least.
_ERROR_HOLDS = 1.0
#: Seconds that a default holds which names a time of about today: ``default=datetime.now()``.
_MOMENT_HOLDS = 1.0
#: So many chains at most are described by one child.
_BATCH = 25
#: Seconds that a chain may take among others, before it is asked alone, with its own time limit.
_BATCH_PATIENCE = 1.0
#: Seconds that a listing waits for what is being read, and a page, which can be looked at again:
#: enough for a thousand sound chains.
PATIENCE, PAGE_PATIENCE = 4.0, 2.0
#: So many children at least may read chains side by side: some may hang.
_SIDE_BY_SIDE = 8

Place = tuple[str, str]


@dataclass(frozen=True)
class _Known:
    """A chain as it was described on ``day``, and until when that holds (a monotonic time)."""

    chain: ChainDescription
    day: date
    until: float = float("inf")


class Catalog:
    """Describes chains through children and remembers the answers.

    Threads of its own do so: who asks for a listing waits a moment, and has what is known by then.

    Args:
        settings: the settings in force.
        children: imports the chains.
        today: tells the date.
        room: for those who wait for one chain.
    """

    def __init__(
        self,
        settings: Settings,
        children: ChildPool,
        today: Callable[[], date] = date.today,
        room: Admission | None = None,
    ) -> None:
        self._settings = settings
        self._children = children
        self._today = today
        self._room = room or Admission(sys.maxsize)
        self._known: dict[Place, _Known] = {}
        self._luigi = luigi_stamps(settings.code)
        #: What is being read; whoever holds the lock may change this and what is known.
        self._reading: set[Place] = set()
        #: What is being read for those who ask for that one chain.
        self._asked: set[Place] = set()
        self._news = threading.Condition()
        self._problem: DatanectarError | None = None
        self._threads = ThreadPoolExecutor(
            max_workers=max(settings.workers, _SIDE_BY_SIDE), thread_name_prefix="catalog"
        )

    def chains(self, patience: float = PATIENCE, type: str | None = None) -> list[ChainDescription]:
        """Return every chain, or those of a type, as it is on disk now, in order of type and name.

        Args:
            patience: seconds to wait for those that are new or have changed. After that they are
                returned as they were known, empty if they were not, and say that they are being
                ``reading``.
            type: waits for no chain of another.

        Raises:
            Unavailable: when chains can't be read for want of children.
        """
        self._heed_configuration()
        everything = find_chains(self._settings.chains)
        files = [file for file in everything if type in (None, file.type)]
        deadline = time.monotonic() + patience
        joined = self._read_stale(files, deadline)
        if joined:  # begun before this call: an edit since then is to count
            self._read_stale([file for file in files if _place(file) in joined], deadline)
        present = {_place(file) for file in everything}
        with self._news:
            self._known = {place: k for place, k in self._known.items() if place in present}
            return [self._entry(file) for file in files]

    def _read_stale(self, files: list[ChainFile], deadline: float) -> set[Place]:
        """Have read what is not fresh, and wait for it; return what others have had read before."""
        stale = [file for file in files if not file.problem and self._fresh(file) is None]
        with self._news:
            joined = self._reading & {_place(file) for file in stale}
            mine = [file for file in stale if _place(file) not in joined]
            self._reading |= {_place(file) for file in mine}
        for batch in self._batches(mine):
            self._threads.submit(self._read, batch)
        places = {_place(file) for file in stale}
        with self._news:
            left = max(0.0, deadline - time.monotonic())
            self._news.wait_for(lambda: not places & self._reading, left)
        return joined

    def _read(self, files: list[ChainFile]) -> None:
        """Describe files, by one child if all is well.

        Whatever is wrong with a chain, or with the child while it is at it, is asked again of a
        child that has seen no other chain: blame falls on the right one, and on nothing it did to
        the next. Those after it are read meanwhile, by two: more of them may hang.
        """
        rest = files
        try:
            rest = files[self._describe_many(files) :] if len(files) > 1 else files
            middle = 1 + len(rest) // 2
            for part in (rest[1:middle], rest[middle:]):
                if part:
                    self._threads.submit(self._read, part)
            if rest:
                self._learn(rest[0], self._describe(rest[0]))
        except Exception as problem:
            self._give_up(rest, problem)

    def _learn(self, file: ChainFile, known: _Known) -> None:
        with self._news:
            self._known[_place(file)] = known
            self._reading.discard(_place(file))
            self._problem = None
            self._news.notify_all()

    def _give_up(self, files: list[ChainFile], problem: Exception) -> None:
        """Let others ask again for files that could not be read now."""
        if not isinstance(problem, DatanectarError):
            log.error("chains could not be read", exc_info=problem)
            problem = Unavailable(f"Chains can't be read now: {problem}")
        with self._news:
            self._problem = problem
            self._reading -= {_place(file) for file in files}
            self._news.notify_all()

    def chain(self, type: str, name: str) -> ChainDescription:
        """Return one chain as it is on disk now; waits for no other.

        Raises:
            NotFound: when there is none.
            Unavailable: when too many wait for chains, or none can be read for want of children.
        """
        path = chain_path(self._settings.chains, type, name)
        if path is None:
            like = like_chain(self._settings.chains, type, name)
            raise NotFound(
                f"There is no chain {type[:100]}/{name[:100]}; GET /api/chains lists them.{like}"
            )
        self._heed_configuration()
        file = ChainFile(type, name, path)
        known = self._fresh(file)
        if known is None:
            with self._room.place():
                known = self._read_now(file)
        return known.chain

    def _read_now(self, file: ChainFile) -> _Known:
        """Describe a chain, or wait for somebody who does so already and has begun in time."""
        place = _place(file)
        with self._news:
            self._news.wait_for(lambda: place not in self._asked)
            if known := self._fresh(file):
                return known
            self._asked.add(place)
        try:
            known = self._describe(file)
            with self._news:
                self._known[place] = known
            return known
        finally:
            with self._news:
                self._asked.discard(place)
                self._news.notify_all()

    def _heed_configuration(self) -> None:
        """Forget all that was described under another configuration of Luigi's."""
        stamps = luigi_stamps(self._settings.code)
        with self._news:
            if stamps != self._luigi:
                self._luigi, self._known = stamps, {}

    def _entry(self, file: ChainFile) -> ChainDescription:
        if file.problem:
            return ChainDescription(file.type, file.name, str(file.path), error=file.problem)
        known = self._known.get(_place(file))
        if known is not None:
            is_read = _place(file) not in self._reading
            return known.chain if is_read else structs.replace(known.chain, reading=True)
        if self._problem is not None:
            raise self._problem
        return ChainDescription(file.type, file.name, str(file.path), reading=True)

    def _fresh(self, file: ChainFile) -> _Known | None:
        """Return what is known of a chain, unless it may have changed since."""
        known = self._known.get((file.type, file.name))
        if known is None or known.day != self._today() or known.until < time.monotonic():
            return None  # on another day, `default=date.today()` is another default
        sources = known.chain.sources
        return known if all(file_stamp(path) == (at, size) for path, at, size in sources) else None

    def _batches(self, files: list[ChainFile]) -> Iterator[list[ChainFile]]:
        """Share files out so that all workers have some and no child has too many."""
        size = min(_BATCH, math.ceil(len(files) / self._settings.workers))
        return (files[start : start + size] for start in range(0, len(files), size or 1))

    def _describe_many(self, files: list[ChainFile]) -> int:
        """Learn of the files up to the first that is not well; return how many those are."""
        day = self._today()
        stamps = [file_stamp(file.path) for file in files]  # before the imports, as below
        patience = min(self._settings.import_timeout, _BATCH_PATIENCE)
        count = 0
        job = DescribeManyJob([_place(file) for file in files])
        answers = self._children.ask_for_each(job, patience=patience)
        with contextlib.closing(answers):
            for file, stamp, chain in zip(files, stamps, answers, strict=False):
                if not (
                    isinstance(chain, ChainDescription) and (chain.type, chain.name) == _place(file)
                ):
                    break
                if chain.error or any(task.error for task in chain.tasks):
                    break
                self._learn(file, _Known(_stamped(chain, file, stamp), day, _holds(chain, day)))
                count += 1
        return count

    def _describe(self, file: ChainFile) -> _Known:
        day, began = self._today(), time.monotonic()
        # Taken before the import: an edit meanwhile makes the answer stale, not forever wrong.
        stamp = file_stamp(file.path)
        try:
            chain: ChainDescription = self._children.ask(
                DescribeJob(file.type, file.name),
                timeout=self._settings.import_timeout,
                subject=f"{file.type}/{file.name}",
            )
            if (chain.type, chain.name) != _place(file):  # it speaks for another
                raise ChainError(f"{file.type}/{file.name}: it can't be described.")
        except (ChainError, NotFound) as problem:
            chain = ChainDescription(file.type, file.name, str(file.path), error=problem.message)
        chain = _stamped(chain, file, stamp)
        if chain.error is None:
            return _Known(chain, day, _holds(chain, day))
        now = time.monotonic()
        return _Known(chain, day, now + max(_ERROR_HOLDS, _ERROR_PATIENCE * (now - began)))


def _holds(chain: ChainDescription, day: date) -> float:
    """Return until when a description made now holds, if no file changes (a monotonic time)."""
    days = "|".join(str(day + timedelta(days=shift)) for shift in (-1, 0, 1))
    moment = re.compile(rf"(?:{days})[T ]\d\d")
    defaults = (item.default for task in chain.tasks for item in task.parameters if item.default)
    passing = any(moment.search(default) for default in defaults)
    return time.monotonic() + _MOMENT_HOLDS if passing else float("inf")


def _place(file: ChainFile) -> Place:
    return file.type, file.name


def _stamped(chain: ChainDescription, file: ChainFile, stamp: tuple[int, int]) -> ChainDescription:
    """Return the chain with its own file first among its sources, as it was before the import."""
    own = (str(file.path), *stamp)
    others = [source for source in chain.sources if source[0] != own[0]]
    return structs.replace(chain, sources=[own, *others])
