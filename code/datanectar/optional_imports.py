"""Keeps libraries from importing what is optional to them and not needed, or not yet."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

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


def load_later(name: str) -> None:
    """Have a module loaded when something of it is used, and not when it is imported.

    Nothing is done where it is not installed, or is imported already. ``LazyLoader`` of the standard
    library would load it at the next ``import``, which looks at ``__spec__``.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None:
        return
    stand_in = ModuleType(name)
    stand_in.__spec__ = spec

    def load(attribute: str) -> Any:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    stand_in.__getattr__ = load  # type: ignore[method-assign]  # PEP 562
    sys.modules[name] = stand_in


def other_drivers(queue_url: str) -> list[str]:
    """Return the drivers that a queue with this URL does not need; they take 18 MB a process."""
    scheme = queue_url.split(":", 1)[0].split("+", 1)[0]
    return [driver for driver, schemes in _DRIVERS.items() if scheme not in schemes]
