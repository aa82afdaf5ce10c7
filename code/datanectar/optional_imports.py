"""Keeps libraries from importing, at their own import, what they could do without here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

#: What Huey imports if it is there (huey/storage.py), and for which queues' URLs it is needed.
_DRIVERS = {"redis": ("redis", "rediss", "unix"), "psycopg": ("postgresql", "postgres")}


@contextlib.contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Have imports of these modules fail in the block, unless they are imported already.

    For what is optional to the block's imports, and would only cost memory.
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
    """Return the drivers of queues that this queue is none of: 18 MB a process, together."""
    scheme = queue_url.split(":", 1)[0].split("+", 1)[0]
    return [driver for driver, schemes in _DRIVERS.items() if scheme not in schemes]
