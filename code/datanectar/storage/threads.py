"""Several requests to a store at a time: a folder may be thousands of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")

#: Objects that are written, read or deleted at a time. An upload takes up to 36 MiB.
_AT_ONCE = 4


def mapped(do: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """Return what a function returns for each item, in order; some calls are made at a time.

    The first error ends it.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        try:
            return list(threads.map(do, items))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
