"""Our luigid: Luigi's server with access checks, the project's resources and a saved state.

:func:`datanectar.luigid.launch.command` returns the command that starts it.
"""

from __future__ import annotations

import datanectar.luigid.preload  # noqa: F401  # before what imports Luigi

# isort: split
import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import luigi.server
import tornado.web
from luigi.configuration import get_config
from luigi.scheduler import Scheduler, SimpleTaskState
from luigi.setup_logging import DaemonLogging

from datanectar.errors import StartupError
from datanectar.forkserver.process_control import die_with_parent
from datanectar.luigid.access import AccessRouter
from datanectar.luigid.access_token import make_token
from datanectar.luigid.batch_handler import PATH, BatchHandler, write_error
from datanectar.luigid.project_scheduler import ProjectScheduler
from datanectar.luigid.saved_state import load_once
from datanectar.permissions import private_folder
from datanectar.telemetry import logs


def main() -> None:
    """Run luigid until SIGTERM."""
    die_with_parent()
    os.umask(0o077)
    options = _parse_arguments()
    if options.log_format == logs.JSON:
        logs.set_up("luigid", logs.JSON, others=logging.INFO)
    else:
        DaemonLogging.setup(argparse.Namespace(background=False, logdir=None))
    _prepare(options.state)
    state_path = str(options.state / "luigid.pickle").replace("%", "%%")
    get_config().set("scheduler", "state_path", state_path)
    _replace_parts(options.address, options.state)
    luigi.server.run(
        api_port=options.port,
        address=options.address,
        scheduler=ProjectScheduler(options.resources),
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="datanectar.luigid.server", description=__doc__)
    parser.add_argument("--address", required=True, help="the address to listen on")
    parser.add_argument("--port", required=True, type=int, help="the port to listen on")
    parser.add_argument("--state", required=True, type=Path, help="the project's state folder")
    parser.add_argument(
        "--resources", action="append", default=[], type=Path, help="a luigi.cfg of the project"
    )
    parser.add_argument("--log-format", default=logs.TEXT, choices=logs.FORMATS)
    return parser.parse_args()


def _prepare(state: Path) -> None:
    """Make the state folder private, and put a new token into it."""
    try:
        warning = private_folder(state)
        make_token(state)
    except (StartupError, OSError) as problem:
        sys.exit(f"luigid: {problem}")
    if warning:
        logging.getLogger("luigid").warning(warning)


def _replace_parts(host: str, state: Path) -> None:
    """Replace the parts of Luigi's server that differ in ours."""
    SimpleTaskState.load = load_once
    # Luigi reads the [cors] section for each call (luigi/server.py ``RPCHandler.__init__``), which
    # takes half of a call's time: read it once.
    allowed = luigi.server.cors()
    luigi.server.cors = lambda: allowed
    luigi.server.RPCHandler.write_error = write_error
    app = luigi.server.app
    luigi.server.app = lambda scheduler: AccessRouter(_with_batches(app, scheduler), host, state)
    logging.getLogger("tornado.access").setLevel(logging.WARNING)  # one entry a call fills the disk


def _with_batches(
    app: Callable[[Scheduler], tornado.web.Application], scheduler: Scheduler
) -> tornado.web.Application:
    """Return luigid's application with :class:`BatchHandler` before its own handlers."""
    made = app(scheduler)
    made.add_handlers(".*", [(PATH, BatchHandler, {"scheduler": scheduler})])
    return made


if __name__ == "__main__":
    main()
