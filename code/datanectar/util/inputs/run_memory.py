"""What a run has looked up once and keeps: all of its tasks then see the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

Value = TypeVar("Value")

#: What the run of this process, or of the process that it was forked from, has looked up.
_memory: dict[Hashable, Any] | None = None


@contextlib.contextmanager
def kept_for_the_run() -> Iterator[None]:
    """Keep what is looked up within the block, which is a run, to its end."""
    global _memory
    if _memory is not None:
        yield
        return
    _memory = {}
    try:
        yield
    finally:
        _memory = None


def once_in_a_run(key: Hashable, look_up: Callable[[], Value]) -> Value:
    """Return what ``look_up`` returns; in a run, what it returned the first time."""
    if _memory is None:
        return look_up()
    if key not in _memory:
        _memory[key] = look_up()
    value: Value = _memory[key]
    return value
