"""Makes Python import a project's files as they are now, even if edited a moment ago.

Python uses cached bytecode when the source still has the same size and the same modification time
in whole seconds (importlib, ``SourceLoader.get_code``). It would miss an edit of the same size
within a second of an import. So a file that was edited just now gets no cache.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib.abc import PathEntryFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from typing import Any

#: Seconds after which the next edit of a file changes its time, in whole seconds.
_CACHEABLE_AFTER = 2.0


def always_import_edits(root: str) -> None:
    """Use this loader in this process for modules in or below the folder ``root``."""
    if any(getattr(hook, "root", None) == root for hook in sys.path_hooks):
        return
    sys.path_hooks.insert(0, _Hook(root))
    for path in [path for path in sys.path_importer_cache if _is_in(path, root)]:
        del sys.path_importer_cache[path]


class _Loader(SourceFileLoader):
    def set_data(self, path: str, data: Any, **options: Any) -> None:
        """Write a bytecode cache, unless the source was edited just now."""
        if time.time() - Path(self.path).stat().st_mtime > _CACHEABLE_AFTER:
            super().set_data(path, data, **options)


class _Hook:
    """An entry of ``sys.path_hooks`` for one folder and those below it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._finder: Callable[[str], PathEntryFinder] = FileFinder.path_hook(
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_Loader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    def __call__(self, path: str) -> PathEntryFinder:
        if not _is_in(path, self.root):
            raise ImportError("not for this hook", path=path)
        return self._finder(path)


def _is_in(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)
