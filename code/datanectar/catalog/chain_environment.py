"""What a chain finds around it when it is imported: its own command line, and luigi.cfg as it is now."""

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


def configuration_files() -> _Stamps:
    """Return the files of Luigi's configuration, there or not, each with its time and size."""
    paths = (os.path.abspath(path) for path in get_config()._config_paths)  # noqa: PTH100
    return [(path, *file_stamp(path)) for path in paths]


#: As they were when Luigi read them, in the process that this one was forked from.
_read: list[_Stamps] = [configuration_files()]


def configure_core() -> None:
    """Set what Luigi is to leave to a run: its log, and tasks that nobody asked for."""
    config: Any = get_config()
    config.set("core", "no_configure_logging", "true")
    config.set("core", "autoload_range", "false")


def settle(type: str, chain: str) -> None:
    """Make this the process of one chain, before it is imported.

    ``sys.argv`` names its file, and Luigi's configuration is read again if its files have changed.

    Raises:
        ChainError: when the configuration can't be read.
    """
    sys.argv = [str(current().chains / type / f"{chain}.py")]
    stamps = configuration_files()
    if stamps == _read[0]:
        return
    _read[0] = stamps
    before: Any = get_config()
    parser = before.__class__
    logger = logging.getLogger("luigi-interface")
    logger.disabled, parser._instance = True, None  # or what is gone from the files would stay
    try:
        get_config()
    except (configparser.Error, OSError, ValueError) as problem:
        parser._instance = before
        raise ChainError(f"Luigi's configuration can't be read: {problem}") from problem
    finally:
        logger.disabled = False
    configure_core()


@contextlib.contextmanager
def no_command_line() -> Iterator[None]:
    """Refuse, in the block, to run anything: a GET imports a chain too, and asks for no work.

    Raises:
        ChainError: out of ``luigi.run()``, which would take the process's command line for its own,
            and of ``luigi.build()``.
    """

    def guarded(name: str, known: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if importing:
                raise ChainError(
                    f"it calls luigi.{name}() when it is imported: put that below "
                    "`if __name__ == '__main__':`"
                )
            return known(*args, **options)

        return call

    importing, run, build = True, luigi.run, luigi.build
    luigi.run = luigi.interface.run = guarded("run", run)
    luigi.build = luigi.interface.build = guarded("build", build)
    try:
        yield
    finally:
        importing = False
        luigi.run = luigi.interface.run = run
        luigi.build = luigi.interface.build = build
