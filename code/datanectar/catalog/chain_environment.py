"""The process that imports a chain: its ``sys.argv``, Luigi's configuration, and no ``luigi.run()``."""

from __future__ import annotations

import configparser
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import luigi
from luigi.configuration import get_config

from datanectar.catalog.files import file_stamp
from datanectar.errors import ChainError
from datanectar.settings import current

_Stamps = list[tuple[str, int, int]]


def _configuration_files() -> _Stamps:
    """Return the files of Luigi's configuration, each with its stamp, whether it exists or not."""
    paths = (os.path.abspath(path) for path in get_config()._config_paths)  # noqa: PTH100
    return [(path, *file_stamp(path)) for path in paths]


#: The files that Luigi has read, at first in the process that this one was forked from.
_read = _configuration_files()


def configure_core() -> None:
    """Have Luigi leave logging to the run, and load no range tasks."""
    config: Any = get_config()
    config.set("core", "no_configure_logging", "true")
    config.set("core", "autoload_range", "false")


def prepare_process(type: str, chain: str) -> None:
    """Prepare this process for the import of one chain.

    ``sys.argv`` names the chain's file. Luigi's configuration is read again if its files have
    changed.

    Raises:
        ChainError: when the configuration can't be read.
    """
    global _read
    sys.argv = [str(current().chains / type / f"{chain}.py")]
    if (files := _configuration_files()) != _read:
        _read = files
        _read_configuration()
        configure_core()


def _read_configuration() -> None:
    before: Any = get_config()
    parser = before.__class__
    logger = logging.getLogger("luigi-interface")
    parser._instance = None  # else options that are gone from the files would stay
    logger.disabled = True
    try:
        get_config()
    except (configparser.Error, OSError, ValueError) as problem:
        parser._instance = before
        raise ChainError(f"Luigi's configuration can't be read: {problem}") from problem
    finally:
        logger.disabled = False


@contextlib.contextmanager
def runs_refused() -> Iterator[None]:
    """Refuse ``luigi.run()`` and ``luigi.build()`` in the block: a GET imports a chain too.

    Raises:
        ChainError: from both. ``luigi.run()`` would also read this process's command line.
    """

    def refusing(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if importing:
                raise ChainError(
                    f"it calls luigi.{name}() when it is imported: put that below "
                    "`if __name__ == '__main__':`"
                )
            return original(*args, **options)

        return call

    importing, run, build = True, luigi.run, luigi.build
    luigi.run = luigi.interface.run = refusing("run", run)
    luigi.build = luigi.interface.build = refusing("build", build)
    try:
        yield
    finally:
        importing = False  # the chain may have kept what it imported
        luigi.run = luigi.interface.run = run
        luigi.build = luigi.interface.build = build
