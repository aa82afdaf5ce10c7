"""Several requests to a store at a time: a folder may be thousands of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

#: Objects that are written, read or deleted at a time. An upload takes up to 36 MiB.
_AT_ONCE = 4


def in_threads(do: Callable[[str], object], names: Iterable[str]) -> None:
    """Do something for each name, some at a time; the first error ends it."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        try:
            for _ in threads.map(do, names):
                pass
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
