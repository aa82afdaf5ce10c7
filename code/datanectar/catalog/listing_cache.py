"""The chains of a project, kept up to date: only files that changed are imported again."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import date

from msgspec import structs

from datanectar.catalog.admission import Admission
from datanectar.catalog.describer import Describer, Description
from datanectar.catalog.files import (
    ChainFile,
    chain_path,
    find_chains,
    like_chain,
    luigi_stamps,
)
from datanectar.child_pool import ChildPool
from datanectar.errors import DatanectarError, NotFound, Unavailable
from datanectar.messages import ChainDescription
from datanectar.settings import Settings

log = logging.getLogger(__name__)

#: The most chains that one child describes.
_BATCH = 25
#: The least number of children that may describe chains at the same time: some may hang.
_LEAST_THREADS = 8
#: Seconds that a listing waits for what is being described: enough for a thousand sound chains. A
#: page waits so long that it shows an edit, and fills in what takes longer.
PATIENCE, PAGE_PATIENCE = 4.0, 0.2


class Catalog:
    """Describes chains through children and remembers the descriptions.

    Its own threads describe what a listing needs. The request waits a moment, and returns what is
    known by then.

    Args:
        settings: the settings in force.
        children: import the chains.
        today: returns the date.
        room: limits how many requests wait for one chain each.
    """

    def __init__(
        self,
        settings: Settings,
        children: ChildPool,
        today: Callable[[], date] = date.today,
        room: Admission | None = None,
    ) -> None:
        self._settings = settings
        self._today = today
        self._room = room or Admission(sys.maxsize)
        self._describer = Describer(settings, children, today)
        self._luigi = luigi_stamps(settings.code)
        #: Held to use the fields below; notified when a description has ended.
        self._changed = threading.Condition()
        self._known: dict[tuple[str, str], Description] = {}
        #: What is being described for listings, and for requests of one chain.
        self._listing: set[tuple[str, str]] = set()
        self._single: set[tuple[str, str]] = set()
        #: What is being described for pages of one chain.
        self._soon: dict[tuple[str, str], Future[Description]] = {}
        #: Why the last description could not be made.
        self._problem: DatanectarError | None = None
        self._threads = self._new_threads("catalog")
        self._page_threads = self._new_threads("chain pages")

    def _new_threads(self, name: str) -> ThreadPoolExecutor:
        most = max(self._settings.workers, _LEAST_THREADS)
        return ThreadPoolExecutor(max_workers=most, thread_name_prefix=name)

    # --- listings --------------------------------------------------------------------------

    def chains(self, patience: float = PATIENCE, type: str | None = None) -> list[ChainDescription]:
        """Return every chain, or those of a type, as it is on disk now, in order of type and name.

        Args:
            patience: seconds to wait for those that are new or have changed. After that they are
                returned as they were known, empty if they were not, and marked as ``reading``.
            type: the type of the chains to return, and to wait for.

        Raises:
            Unavailable: when chains can't be read for want of children.
        """
        self._check_configuration()
        everything = find_chains(self._settings.chains)
        files = [file for file in everything if type in (None, file.type)]
        deadline = time.monotonic() + patience
        joined = self._update(files, deadline)
        if joined:  # described since before this call: an edit since then is to count
            self._update([file for file in files if file.id in joined], deadline)
        existing = {file.id for file in everything}
        with self._changed:
            self._known = {id: known for id, known in self._known.items() if id in existing}
            return [self._listed(file) for file in files]

    def _update(self, files: list[ChainFile], deadline: float) -> set[tuple[str, str]]:
        """Have outdated files described and wait; return those that others had begun before."""
        outdated = [file for file in files if not file.problem and self._current(file) is None]
        ids = {file.id for file in outdated}
        with self._changed:
            joined = self._listing & ids
            self._listing |= ids
        for batch in self._batches([file for file in outdated if file.id not in joined]):
            self._threads.submit(self._describe, batch)
        with self._changed:
            left = max(0.0, deadline - time.monotonic())
            self._changed.wait_for(lambda: not ids & self._listing, left)
        return joined

    def _batches(self, files: list[ChainFile]) -> Iterator[list[ChainFile]]:
        """Divide files so that every worker has some and no child has too many."""
        size = min(_BATCH, math.ceil(len(files) / self._settings.workers))
        return (files[start : start + size] for start in range(0, len(files), size or 1))

    def _describe(self, files: list[ChainFile]) -> None:
        """Describe files, all by one child if nothing is wrong with them.

        The first with an error is described again by a child that has seen no other chain, so that
        the right one is blamed. Those after it are described meanwhile, in two halves: more of them
        may hang.
        """
        rest = files
        try:
            if len(files) > 1:
                rest = files[self._describe_batch(files) :]
            middle = 1 + len(rest) // 2
            for half in (rest[1:middle], rest[middle:]):
                if half:
                    self._threads.submit(self._describe, half)
            if rest:
                self._store(rest[0], self._describer.one(rest[0]))
        except Exception as problem:
            self._fail(rest, problem)

    def _describe_batch(self, files: list[ChainFile]) -> int:
        """Describe files up to the first with an error; return how many."""
        count = 0
        for description in self._describer.many(files):
            self._store(files[count], description)
            count += 1
        return count

    def _store(self, file: ChainFile, description: Description) -> None:
        with self._changed:
            self._known[file.id] = description
            self._listing.discard(file.id)
            self._problem = None
            self._changed.notify_all()

    def _fail(self, files: list[ChainFile], problem: Exception) -> None:
        """Note why files could not be described; the next listing tries again."""
        if not isinstance(problem, DatanectarError):
            log.error("chains could not be read", exc_info=problem)
            problem = Unavailable(f"Chains can't be read now: {problem}")
        with self._changed:
            self._problem = problem
            self._listing -= {file.id for file in files}
            self._changed.notify_all()

    def _listed(self, file: ChainFile) -> ChainDescription:
        if file.problem:
            return ChainDescription(file.type, file.name, str(file.path), error=file.problem)
        known = self._known.get(file.id)
        if known is not None:
            is_reading = file.id in self._listing
            return structs.replace(known.chain, reading=True) if is_reading else known.chain
        if self._problem is not None:
            raise self._problem
        return ChainDescription(file.type, file.name, str(file.path), reading=True)

    # --- one chain -------------------------------------------------------------------------

    def chain(self, type: str, name: str) -> ChainDescription:
        """Return one chain as it is on disk now; waits for no other.

        Raises:
            NotFound: when there is none.
            Unavailable: when too many wait for chains, or none can be read for want of children.
        """
        file = self._file(type, name)
        known = self._current(file)
        if known is None:
            with self._room.place():
                known = self._describe_now(file)
        return known.chain

    def chain_soon(self, type: str, name: str, patience: float = PAGE_PATIENCE) -> ChainDescription:
        """Return one chain for a page: as it is on disk, or marked as ``reading``.

        Args:
            patience: seconds to wait while it is being described. After that it is returned as it
                was known, empty if it was not.

        Raises:
            NotFound: when there is none.
            Unavailable: when none can be read for want of children.
        """
        file = self._file(type, name)
        known = self._current(file)
        if known is None:
            try:
                known = self._described_soon(file).result(patience)
            except TookTooLong:
                last = self._known.get(file.id)
                chain = last.chain if last else ChainDescription(type, name, str(file.path))
                return structs.replace(chain, reading=True)
        return known.chain

    def _described_soon(self, file: ChainFile) -> Future[Description]:
        with self._changed:
            future = self._soon.get(file.id)
            if future is None or future.done():
                future = self._page_threads.submit(self._describe_now, file)
                self._soon = {id: each for id, each in self._soon.items() if not each.done()}
                self._soon[file.id] = future
            return future

    def _file(self, type: str, name: str) -> ChainFile:
        path = chain_path(self._settings.chains, type, name)
        if path is None:
            like = like_chain(self._settings.chains, type, name)
            raise NotFound(
                f"There is no chain {type[:100]}/{name[:100]}; GET /api/chains lists them.{like}"
            )
        self._check_configuration()
        return ChainFile(type, name, path)

    def _describe_now(self, file: ChainFile) -> Description:
        """Describe a chain; requests for the same one wait, and share it if it still holds."""
        with self._changed:
            self._changed.wait_for(lambda: file.id not in self._single)
            if known := self._current(file):
                return known
            self._single.add(file.id)
        try:
            description = self._describer.one(file)
            with self._changed:
                self._known[file.id] = description
            return description
        finally:
            with self._changed:
                self._single.discard(file.id)
                self._changed.notify_all()

    # --- what is known ---------------------------------------------------------------------

    def _current(self, file: ChainFile) -> Description | None:
        known = self._known.get(file.id)
        return known if known is not None and known.holds(self._today()) else None

    def _check_configuration(self) -> None:
        """Forget every description when Luigi's configuration has changed."""
        stamps = luigi_stamps(self._settings.code)
        with self._changed:
            if stamps != self._luigi:
                self._luigi, self._known = stamps, {}
