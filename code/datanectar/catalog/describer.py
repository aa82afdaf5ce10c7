"""Has children describe chains, and knows how long each description holds."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from msgspec import structs

from datanectar.catalog.files import ChainFile, Stamp, file_stamp
from datanectar.child_pool import ChildPool
from datanectar.errors import ChainError, NotFound
from datanectar.messages import ChainDescription, DescribeJob, DescribeManyJob
from datanectar.settings import Settings

#: An error holds so many times as long as it took to find, and so many seconds at least. Its cause
#: may show in no file's stamp, and a chain that hangs must not delay every request.
_ERROR_FACTOR, _ERROR_SECONDS = 10, 1.0
#: Seconds that a default holds which names a time of about today: ``default=datetime.now()``.
_MOMENT_SECONDS = 1.0
#: Seconds that a chain may take in a batch. One that takes longer is described alone, within
#: ``DATANECTAR_IMPORT_TIMEOUT``.
_SECONDS_IN_BATCH = 1.0


@dataclass(frozen=True)
class Description:
    """A chain as it was described on ``day``; it holds until a monotonic time at most."""

    chain: ChainDescription
    day: date
    until: float

    def holds(self, today: date) -> bool:
        """Return whether the chain is still as described: the same day, and no file has changed.

        On another day, ``default=date.today()`` is another default.
        """
        if self.day != today or self.until < time.monotonic():
            return False
        return all(file_stamp(path) == (at, size) for path, at, size in self.chain.sources)


class Describer:
    """Describes chain files through children.

    Args:
        settings: the settings in force.
        children: import the chains.
        today: returns the date.
    """

    def __init__(self, settings: Settings, children: ChildPool, today: Callable[[], date]) -> None:
        self._settings = settings
        self._children = children
        self._today = today

    def one(self, file: ChainFile) -> Description:
        """Describe a chain by a child of its own. What is wrong with the chain is in its ``error``.

        Raises:
            Unavailable: when no child can be had.
        """
        day, began = self._today(), time.monotonic()
        stamp = file_stamp(file.path)  # before the import: an edit meanwhile is to count
        try:
            chain: ChainDescription = self._children.ask(
                DescribeJob(file.type, file.name),
                timeout=self._settings.import_timeout,
                subject=f"{file.type}/{file.name}",
            )
            if (chain.type, chain.name) != file.id:  # an author's code can write to the pipe
                raise ChainError(f"{file.type}/{file.name}: it can't be described.")
        except (ChainError, NotFound) as problem:
            chain = ChainDescription(file.type, file.name, str(file.path), error=problem.message)
        if chain.error is None:
            return _description(chain, file, stamp, day)
        now = time.monotonic()
        until = now + max(_ERROR_SECONDS, _ERROR_FACTOR * (now - began))
        return Description(_with_stamp(chain, file, stamp), day, until)

    def many(self, files: list[ChainFile]) -> Iterator[Description]:
        """Describe chains by one child, in order, and stop before the first with any error.

        Starting a child costs several times what a chain costs: a thousand new chains take 2.8 s of
        processor time in batches, and 12.8 s one by one.

        Raises:
            Unavailable: when no child can be had.
        """
        day = self._today()
        stamps = [file_stamp(file.path) for file in files]
        chains = self._children.ask_for_each(
            DescribeManyJob([file.id for file in files]),
            patience=min(self._settings.import_timeout, _SECONDS_IN_BATCH),
        )
        with contextlib.closing(chains):
            for file, stamp, chain in zip(files, stamps, chains, strict=False):
                if not _is_sound(chain, file):
                    return
                yield _description(chain, file, stamp, day)


def _is_sound(chain: object, file: ChainFile) -> bool:
    if not isinstance(chain, ChainDescription) or (chain.type, chain.name) != file.id:
        return False
    return not chain.error and not any(task.error for task in chain.tasks)


def _description(chain: ChainDescription, file: ChainFile, stamp: Stamp, day: date) -> Description:
    until = time.monotonic() + _MOMENT_SECONDS if _names_a_moment(chain, day) else float("inf")
    return Description(_with_stamp(chain, file, stamp), day, until)


def _names_a_moment(chain: ChainDescription, day: date) -> bool:
    """Return whether a default is a time of about ``day``."""
    days = "|".join(str(day + timedelta(days=shift)) for shift in (-1, 0, 1))
    moment = re.compile(rf"(?:{days})[T ]\d\d")
    defaults = (item.default for task in chain.tasks for item in task.parameters if item.default)
    return any(moment.search(default) for default in defaults)


def _with_stamp(chain: ChainDescription, file: ChainFile, stamp: Stamp) -> ChainDescription:
    """Return the chain with its own file first among its sources, as it was before the import."""
    own = (str(file.path), *stamp)
    others = [source for source in chain.sources if source[0] != own[0]]
    return structs.replace(chain, sources=[own, *others])
