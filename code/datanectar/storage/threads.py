"""Several requests to a store at a time: a folder may be thousands of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")

#: Objects that are written, read or deleted at a time. An upload takes up to 36 MiB.
_AT_ONCE = 4


def mapped(do: Callable[[str], Value], names: Iterable[str]) -> list[Value]:
    """Return what a function returns for each name, in order; some calls are made at a time.

    The first error ends it.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        try:
            return list(threads.map(do, names))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
