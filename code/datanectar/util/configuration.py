"""Luigi's configuration as its files say it now, in a child whose parent read them long ago."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any

from luigi.configuration import get_config

from datanectar.chainfiles import file_stamp
from datanectar.errors import ChainError

#: What runs set for themselves, whatever the files say (execution/build.py ``_configure_luigi``).
_OURS = ("autoload_range", "no_configure_logging")


def _stamps() -> list[Any]:
    paths = [Path(path) for path in type(get_config())._config_paths]
    return [(path, file_stamp(str(path))) for path in paths if path.exists()]


_read, _looked_in = _stamps(), os.getpid()


def follow_files() -> None:
    """Read Luigi's configuration anew, once in a process, if a file has changed since it was read.

    Raises:
        ChainError: when it can't be read.
    """
    global _looked_in
    if _looked_in == os.getpid():
        return
    _looked_in = os.getpid()
    if _stamps() == _read:
        return
    before: Any = get_config()
    parser = type(before)
    parser._instance = None
    try:
        config = get_config()
    except (configparser.Error, OSError, ValueError) as problem:
        parser._instance = before
        raise ChainError(f"Luigi's configuration can't be read: {problem}") from problem
    for name in _OURS:
        if before.has_option("core", name):
            config.set("core", name, before.get("core", name))
