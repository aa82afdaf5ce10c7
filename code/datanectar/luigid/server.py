"""Our luigid: Luigi's server with access checks, the project's resources and a saved state.

:func:`datanectar.luigid.launch.command` returns the command that starts it.
"""

from __future__ import annotations

import argparse
import configparser
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import luigi.server
import tornado.web
from luigi.configuration import LuigiConfigParser, get_config
from luigi.scheduler import Scheduler, SimpleTaskState
from luigi.setup_logging import DaemonLogging

from datanectar.errors import StartupError
from datanectar.forkserver.process_control import die_with_parent
from datanectar.luigid.access import AccessRouter
from datanectar.luigid.access_token import make_token
from datanectar.luigid.saved_state import load_once
from datanectar.permissions import private_folder

#: Seconds between checks of the files with the project's resources.
_CHECK_INTERVAL = 1.0

_logger = logging.getLogger("luigi.scheduler")


class ProjectScheduler(Scheduler):
    """Luigi's scheduler, with the current ``[resources]`` of the project's files.

    Args:
        files: Luigi's configuration files; a later one overrides an earlier one.
    """

    def __init__(self, files: list[Path]) -> None:
        super().__init__()
        self._resources: dict[str, int] = dict(self._resources or {})
        self._files = files
        self._own = dict(self._resources)
        self._versions: list[Any] = []
        self._checked_at = float("-inf")
        self._update_resources()

    def get_work(self, **call: Any) -> Any:
        """Return work for a worker (luigi/scheduler.py ``Scheduler.get_work``)."""
        self._update_resources()
        return super().get_work(**call)

    def resource_list(self) -> Any:
        """Return the resources there are (luigi/scheduler.py ``Scheduler.resource_list``)."""
        self._update_resources()
        return super().resource_list()

    def _update_resources(self) -> None:
        if time.monotonic() - self._checked_at < _CHECK_INTERVAL:
            return
        self._checked_at = time.monotonic()
        versions = [_version(file) for file in self._files]
        if versions != self._versions:
            self._versions = versions
            try:
                self._resources = {**self._own, **_resources_in(self._files)}
            except (configparser.Error, ValueError, OSError) as problem:
                _logger.error("[resources] can't be read, and stay as they were: %s", problem)


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _resources_in(files: list[Path]) -> dict[str, int]:
    parser = LuigiConfigParser()
    parser.read([str(file) for file in files])
    return dict(parser.getintdict("resources"))


def main() -> None:
    """Run luigid until SIGTERM."""
    die_with_parent()
    os.umask(0o077)
    options = _parse_arguments()
    _prepare(options.state)
    state_path = str(options.state / "luigid.pickle").replace("%", "%%")
    get_config().set("scheduler", "state_path", state_path)
    DaemonLogging.setup(argparse.Namespace(background=False, logdir=None))
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
    return parser.parse_args()


def _prepare(state: Path) -> None:
    """Make the state folder private, and put a new token into it."""
    try:
        warning = private_folder(state)
        make_token(state)
    except (StartupError, OSError) as problem:
        sys.exit(f"luigid: {problem}")
    if warning:
        print(f"luigid: {warning}", file=sys.stderr)


def _replace_parts(host: str, state: Path) -> None:
    """Replace the parts of Luigi's server that differ in ours."""
    SimpleTaskState.load = load_once
    # Luigi reads the [cors] section for each call (luigi/server.py ``RPCHandler.__init__``), which
    # takes half of a call's time: read it once.
    allowed = luigi.server.cors()
    luigi.server.cors = lambda: allowed
    luigi.server.RPCHandler.write_error = _write_error
    app = luigi.server.app
    luigi.server.app = lambda scheduler: AccessRouter(app(scheduler), host, state)
    logging.getLogger("tornado.access").setLevel(logging.WARNING)  # one entry a call fills the disk


def _write_error(handler: tornado.web.RequestHandler, status_code: int, **options: Any) -> None:
    """Send the last line of a failed call's error, for the run that made the call."""
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    problem = options.get("exc_info", (None, None))[1]
    text = traceback.format_exception_only(problem)[-1].strip() if problem else "no such call"
    handler.finish(f"{text}\n")


if __name__ == "__main__":
    main()
