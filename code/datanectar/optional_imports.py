"""Keeps libraries from importing what is optional to them and not needed here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

#: Drivers that Huey imports if they are installed (huey/storage.py), and the schemes of the queues'
#: URLs that need them.
_DRIVERS = {"redis": ("redis", "rediss", "unix"), "psycopg": ("postgresql", "postgres")}


@contextlib.contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Let imports of these modules fail in the block, unless they are imported already.

    A library that is imported in the block then does without them, which saves memory.
    """
    missing = [name for name in names if name not in sys.modules]
    for name in missing:
        sys.modules[name] = None  # type: ignore[assignment]  # see importlib's import_module
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def other_drivers(queue_url: str) -> list[str]:
    """Return the drivers that a queue with this URL does not need; they take 18 MB a process."""
    scheme = queue_url.split(":", 1)[0].split("+", 1)[0]
    return [driver for driver, schemes in _DRIVERS.items() if scheme not in schemes]
