"""Warms the tests' fork server up: its children may have a role in which they write much memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tests.forkserver import echo_target


@contextlib.contextmanager
def warm_up() -> Iterator[dict[str, Callable[[], None]]]:
    yield {"writer": echo_target.write}
