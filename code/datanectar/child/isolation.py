"""Undoes what an import of authors' code has changed, so that the next import begins as the first did.

For imports that follow each other in one process: of our own chain during the warmup, and of many
chains that are only described. A run's process imports one chain and needs none of this.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from luigi.configuration import get_config
from luigi.task_register import Register


@contextlib.contextmanager
def luigi_restored() -> Iterator[None]:
    """Have Luigi forget the block's task classes and instances, and its worker's signal handler."""
    registered, namespaces = list(Register._reg), dict(Register._default_namespace_dict)
    handler = signal.getsignal(signal.SIGUSR1)
    try:
        yield
    finally:
        Register._reg[:] = registered
        Register._default_namespace_dict.clear()
        Register._default_namespace_dict.update(namespaces)
        Register.clear_instance_cache()
        signal.signal(signal.SIGUSR1, handler)


@contextlib.contextmanager
def instances_restored() -> Iterator[None]:
    """Have Luigi forget the task instances that the block makes, and no others.

    Luigi keeps them in a private attribute (luigi/task_register.py ``Register``).
    """
    name = "_Register__instance_cache"
    cache = getattr(Register, name)  # None where an author has switched it off
    known = None if cache is None else dict(cache)
    try:
        yield
    finally:
        setattr(Register, name, known)


@contextlib.contextmanager
def project_restored(root: Path) -> Iterator[None]:
    """Have Python forget the modules below ``root`` that the block imports, except datanectar's."""
    known = set(sys.modules)
    try:
        yield
    finally:
        new = {name: module for name, module in sys.modules.items() if name not in known}
        # Decided before any is deleted: a namespace package asks its parent for its own path.
        for name in [name for name, module in new.items() if _is_below(root, name, module)]:
            del sys.modules[name]


def _is_below(root: Path, name: str, module: ModuleType) -> bool:
    if name.partition(".")[0] == "datanectar":  # in a checkout it lies below the root
        return False
    file = getattr(module, "__file__", None)
    paths = [file] if file else getattr(module, "__path__", ())  # a namespace package has no file
    return any(str(path).startswith(f"{root}{os.sep}") for path in paths)


def process_state() -> Any:
    """Return the rest of what an import may change in a process; equal if nothing has changed.

    Changes inside libraries do not show.
    """
    config: Any = get_config()
    return (
        dict(os.environ),
        list(sys.path),
        Path.cwd(),
        threading.active_count(),
        [(section, config.items(section, raw=True)) for section in config.sections()],
    )
