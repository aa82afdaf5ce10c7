"""``datanectar run``: one task, on a running app or here."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from datanectar.cli.child_process import child_command
from datanectar.cli.completion import TaskCommand, complete_parameter, complete_task
from datanectar.cli.exit_codes import CANNOT, FAILED, OK
from datanectar.cli.options import (
    AnothersApp,
    check_task_path,
    client_of,
    echo_json,
    json_option,
    read_parameters,
    token_option,
    url_option,
)
from datanectar.cli.terminal import echo
from datanectar.errors import StartupError, Unavailable

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command(
    cls=TaskCommand, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("path", metavar="TYPE/CHAIN/TASK", shell_complete=complete_task)
@click.argument(
    "parameters",
    nargs=-1,
    metavar="[NAME=VALUE]...",
    type=click.UNPROCESSED,
    shell_complete=complete_parameter,
)
@click.option("--here", is_flag=True, help="Run it in this terminal, without an app.")
@click.option("--pdb", is_flag=True, help="As --here; open the debugger where a task fails.")
@url_option
@token_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    path: str,
    parameters: tuple[str, ...],
    here: bool,
    pdb: bool,
    url: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Run a task on a running app, follow its log, and end as it ends (exit code 0 or 1).

    The result's address goes to standard output, everything else to standard error. A parameter is
    day=2026-01-01 or --day 2026-01-01; one that has the name of an option below is name=value.

    With --here the task and all that it requires run now, in this terminal: with the same keys,
    files and logs, without a server, and without an entry in the history.
    """
    check_task_path(path)
    values = read_parameters(parameters)
    if here or pdb:
        _run_here(path, values, pdb, as_json)
    try:
        client = client_of(url, token)
        follow_to_end(client, client.post(path, **values), as_json)
    except Unavailable as problem:
        is_own = ctx.get_parameter_source("url") is click.core.ParameterSource.DEFAULT
        if not (is_own and _is_away(problem)):
            raise
        if not _wants_here(problem):
            sys.exit(CANNOT)
        _run_here(path, values, pdb, as_json)


def follow_to_end(client: Client, accepted: dict[str, Any], as_json: bool) -> NoReturn:
    """Show the log of a request that was accepted, how its run ended, and end as it did.

    Args:
        client: for the app that it runs on.
        accepted: the response to the POST.
        as_json: print the status at the end as JSON, instead of the result's address.
    """
    from datanectar.cli.runs.display import run_display
    from datanectar.cli.runs.progress import addresses, ending, follow
    from datanectar.client import status_key

    try:
        with run_display() as display:
            status = follow(client, status_key(accepted), display)
    except KeyboardInterrupt:
        if accepted["run_id"]:
            stop = f"datanectar cancel {accepted['run_id']}"
            click.echo(f"\nThe run goes on. To stop it: {stop}", err=True)
        raise
    for line in ending(client, status):
        echo(line, err=True)
    if as_json:
        echo_json(status)
    for address in [] if as_json else addresses(status):
        echo(address)
    sys.exit(OK if status["job_status"] == "DONE" else FAILED)


def _run_here(path: str, values: dict[str, str], pdb: bool, as_json: bool) -> NoReturn:
    """Become the process that runs the task: this one must not load Luigi nor an author's code."""
    from datanectar import settings as settings_module

    settings = settings_module.load()
    if not settings.chains.is_dir():
        raise StartupError(
            f"There is no folder {settings.chains}: start in a project, or make one with "
            "`datanectar init`."
        )
    request = {"path": path, "parameters": values, "pdb": pdb, "as_json": as_json}
    command, environ = child_command(settings, "datanectar.local_run", json.dumps(request))
    sys.stdout.flush()
    os.chdir(settings.code)
    os.execve(sys.executable, command, environ)  # noqa: S606


def _is_away(problem: Unavailable) -> bool:
    """Tell whether no app of this project listens at its address, rather than that it refuses."""
    import requests

    return isinstance(problem, AnothersApp) or isinstance(
        problem.__cause__, requests.ConnectionError
    )


def _wants_here(problem: Unavailable) -> bool:
    """Offer to run the task here; without a terminal, say how."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        echo(f"datanectar: {problem.message}", err=True)
        return click.confirm("Run it here, without an app?", default=True, err=True)
    echo(f"datanectar: {problem.message} To run it without an app, add --here.", err=True)
    return False
