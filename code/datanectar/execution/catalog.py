"""What chains there are, kept up to date: only files that changed are imported again."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

from datanectar.chainfiles import ChainFile, chain_path, file_stamp, find_chains
from datanectar.errors import ChainError, NotFound
from datanectar.execution.children import Children
from datanectar.records import Chain, DescribeJob
from datanectar.settings import Settings


class Catalog:
    """Describes chains through children and remembers the answers.

    Args:
        settings: the settings in force.
        children: imports the chains.
    """

    def __init__(self, settings: Settings, children: Children) -> None:
        self._settings = settings
        self._children = children
        self._known: dict[tuple[str, str], Chain] = {}
        self._refreshing = threading.Lock()

    def chains(self) -> list[Chain]:
        """Return every chain as it is on disk now, in order of type and name."""
        with self._refreshing:  # two requests at once must not import everything twice
            files = find_chains(self._settings.chains)
            stale = [file for file in files if not file.problem and not self._is_fresh(file)]
            with ThreadPoolExecutor(max_workers=self._settings.workers) as pool:
                for chain in pool.map(self._describe, stale):
                    self._known[chain.type, chain.name] = chain
            present = {(file.type, file.name) for file in files}
            self._known = {place: c for place, c in self._known.items() if place in present}
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
        file = ChainFile(type, name, path)
        if not self._is_fresh(file):
            self._known[type, name] = self._describe(file)
        return self._known[type, name]

    def _entry(self, file: ChainFile) -> Chain:
        if file.problem:
            return Chain(file.type, file.name, str(file.path), error=file.problem)
        return self._known[file.type, file.name]

    def _is_fresh(self, file: ChainFile) -> bool:
        chain = self._known.get((file.type, file.name))
        return chain is not None and all(
            file_stamp(path) == (time, size) for path, time, size in chain.sources
        )

    def _describe(self, file: ChainFile) -> Chain:
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
        own = (str(file.path), *stamp)
        others = [source for source in chain.sources if source[0] != own[0]]
        return dataclasses.replace(chain, sources=[own, *others])
