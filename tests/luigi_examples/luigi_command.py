"""``python -m luigi`` in forked processes: Luigi is imported once, and not for each command."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
from pathlib import Path

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, "luigi.cmdline", "luigi.retcodes"])


def run(arguments: list[str], folder: Path, environ: dict[str, str], seconds: float) -> int:
    """Run Luigi's command in a folder; return its exit code.

    Args:
        arguments: the command's.
        folder: the working directory, on the module path as with ``python -m``.
        environ: all environment variables.
        seconds: how long it may take; then it is killed.
    """
    process = _processes.Process(target=_luigi, args=(arguments, folder, environ))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode or 0


def _luigi(arguments: list[str], folder: Path, environ: dict[str, str]) -> None:
    os.chdir(folder)
    with open(folder.parent / "luigi.out", "ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environ)
    sys.path.insert(0, str(folder))

    from luigi.configuration import LuigiConfigParser
    from luigi.retcodes import run_with_retcodes

    LuigiConfigParser.reload()  # reads luigi.cfg of this folder
    try:
        run_with_retcodes(arguments)  # exits
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
