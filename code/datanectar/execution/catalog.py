"""What chains there are, kept up to date: only files that changed are imported again."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from datanectar.chainfiles import ChainFile, chain_path, file_stamp, find_chains, luigi_stamps
from datanectar.errors import ChainError, NotFound
from datanectar.execution.children import Children
from datanectar.records import Chain, DescribeJob, SurveyJob
from datanectar.settings import Settings

#: An error is looked at again when so many times as long has passed as it took to find: its cause
#: may lie where no stamp shows it, and a chain that hangs must not hang every request.
_ERROR_PATIENCE = 10
#: Seconds that an error holds at least.
_ERROR_HOLDS = 1.0
#: So many chains at most are described by one child.
_BATCH = 25
#: Seconds that a chain may take among others, before it is asked alone, with its own time limit.
_BATCH_PATIENCE = 5.0


@dataclass(frozen=True)
class _Known:
    """A chain as it was described on ``day``, and until when that holds (a monotonic time)."""

    chain: Chain
    day: date
    until: float = float("inf")


class Catalog:
    """Describes chains through children and remembers the answers.

    Args:
        settings: the settings in force.
        children: imports the chains.
        today: tells the date.
    """

    def __init__(
        self, settings: Settings, children: Children, today: Callable[[], date] = date.today
    ) -> None:
        self._settings = settings
        self._children = children
        self._today = today
        self._known: dict[tuple[str, str], _Known] = {}
        self._refreshing = threading.Lock()
        self._luigi = luigi_stamps(settings.code)

    def chains(self) -> list[Chain]:
        """Return every chain as it is on disk now, in order of type and name."""
        with self._refreshing:  # two requests at once must not import everything twice
            self._heed_configuration()
            files = find_chains(self._settings.chains)
            stale = [file for file in files if not file.problem and self._fresh(file) is None]
            with ThreadPoolExecutor(max_workers=self._settings.workers) as pool:
                for described in pool.map(self._describe_all, self._batches(stale)):
                    self._known |= described
            present = {(file.type, file.name) for file in files}
            self._known = {place: k for place, k in self._known.items() if place in present}
            return [self._entry(file) for file in files]

    def chain(self, type: str, name: str) -> Chain:
        """Return one chain as it is on disk now.

        Raises:
            NotFound: when there is none.
        """
        path = chain_path(self._settings.chains, type, name)
        if path is None:
            raise NotFound(
                f"There is no chain {type[:100]}/{name[:100]}; GET /api/chains lists them."
            )
        self._heed_configuration()
        file = ChainFile(type, name, path)
        known = self._fresh(file)
        if known is None:
            known = self._known[type, name] = self._describe(file)
        return known.chain

    def _heed_configuration(self) -> None:
        """Forget all that was described under another configuration of Luigi's."""
        stamps = luigi_stamps(self._settings.code)
        if stamps != self._luigi:
            self._luigi, self._known = stamps, {}

    def _entry(self, file: ChainFile) -> Chain:
        if file.problem:
            return Chain(file.type, file.name, str(file.path), error=file.problem)
        return self._known[file.type, file.name].chain

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

    def _describe_all(self, files: list[ChainFile]) -> dict[tuple[str, str], _Known]:
        """Describe files by one child if all is well.

        Whatever is wrong with a chain, or with the child while it is at it, is asked again of a
        child that has seen no other chain: blame falls on the right one, and on nothing it did to
        the next.
        """
        known: dict[tuple[str, str], _Known] = {}
        while rest := files[len(known) :]:
            if len(rest) > 1:
                known |= self._survey(rest)
            for file in files[len(known) :][:1]:
                known[file.type, file.name] = self._describe(file)
        return known

    def _survey(self, files: list[ChainFile]) -> dict[tuple[str, str], _Known]:
        """Describe the files up to the first that is not well."""
        day = self._today()
        stamps = [file_stamp(file.path) for file in files]  # before the imports, as below
        places = [(file.type, file.name) for file in files]
        patience = min(self._settings.import_timeout, _BATCH_PATIENCE)
        known: dict[tuple[str, str], _Known] = {}
        answers = self._children.ask_for_each(SurveyJob(places), patience=patience)
        with contextlib.closing(answers):
            for file, stamp, place, chain in zip(files, stamps, places, answers, strict=False):
                if not (isinstance(chain, Chain) and (chain.type, chain.name) == place):
                    break
                if chain.error or any(task.error for task in chain.tasks):
                    break
                known[place] = _Known(_stamped(chain, file, stamp), day)
        return known

    def _describe(self, file: ChainFile) -> _Known:
        day, began = self._today(), time.monotonic()
        # Taken before the import: an edit meanwhile makes the answer stale, not forever wrong.
        stamp = file_stamp(file.path)
        try:
            chain: Chain = self._children.ask(
                DescribeJob(file.type, file.name),
                timeout=self._settings.import_timeout,
                subject=f"{file.type}/{file.name}",
            )
        except (ChainError, NotFound) as problem:
            chain = Chain(file.type, file.name, str(file.path), error=problem.message)
        chain = _stamped(chain, file, stamp)
        if chain.error is None:
            return _Known(chain, day)
        now = time.monotonic()
        return _Known(chain, day, now + max(_ERROR_HOLDS, _ERROR_PATIENCE * (now - began)))


def _stamped(chain: Chain, file: ChainFile, stamp: tuple[int, int]) -> Chain:
    """Return the chain with its own file first among its sources, as it was before the import."""
    own = (str(file.path), *stamp)
    others = [source for source in chain.sources if source[0] != own[0]]
    return dataclasses.replace(chain, sources=[own, *others])
