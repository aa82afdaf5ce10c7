"""``datanectar``: the group of all commands. Each is imported when it is called, so that help is quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from datanectar.cli.exit_codes import CANNOT, INTERRUPTED
from datanectar.cli.terminal import echo
from datanectar.errors import DatanectarError

#: By name: the module of ``datanectar.cli`` that has the command, and its line in the help.
COMMANDS = {
    "init": ("project", "Make a folder for a project: a chain, its test, settings."),
    "new": ("project", "Add a chain to this project, with its test."),
    "up": ("up.commands", "Start luigid, the web and a worker, all under one Ctrl-C."),
    "web": ("up.commands", "Serve the HTTP API and the pages."),
    "worker": ("up.commands", "Take runs from the queue and run them; --drain ends workers."),
    "luigid": ("up.commands", "Serve luigid, Luigi's scheduler, for the workers of this machine."),
    "status": ("runs.status", "Tell how the app is, or a run, or a key."),
    "chains": ("chains", "List the chains that a running app serves."),
    "schedules": ("chains", "List the tasks that have a schedule, and their next times."),
    "run": ("runs.run", "Run a task, follow its log, and end as it ends."),
    "backfill": ("runs.backfill", "Run a task for many values, as far as results are missing."),
    "backfills": ("runs.backfill", "List backfills; show one, cancel it, try again what failed."),
    "runs": ("runs.history", "List runs, the newest first."),
    "show": ("runs.history", "Show a run: status, parameters, why it failed, its tasks."),
    "logs": ("runs.logs", "Print the log of a run."),
    "graph": ("runs.graph", "Show the tasks of a run: as a tree, DOT or SVG."),
    "lineage": ("runs.lineage", "Show what a result was made of, and what was made from it."),
    "rerun": ("runs.control", "Run again what a run was for."),
    "cancel": ("runs.control", "Stop a run, or keep it from starting."),
    "drop": ("runs.control", "Delete results, so that the next run makes them again."),
    "purge": ("retention.purge", "Delete results, logs and runs that are old enough to go."),
    "pin": ("retention.pin", "Keep results from every purge."),
    "doctor": ("doctor.command", "Look for what is wrong, and say what to do about it."),
    "config": ("config", "Show the settings in force, and where each comes from."),
    "settings": ("config", "The same as config."),
    "backup": ("operations.backup", "Copy the run store into a file while the service goes on."),
    "token": ("access.token", "Make, list and revoke API tokens; check one."),
    "webhook": ("webhook", "Tell others when a run has ended: add, try, list, remove."),
    "user": ("access.user", "Let people log in by name and password."),
}

_EXIT_CODES = """\b
Exit codes:
  0    done
  1    the task failed or was cancelled, or a check found something
  2    it could not be carried out: arguments, settings, no app, no such run
  130  Ctrl-C
"""


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"datanectar.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Return the commands that begin so, without importing them."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        found = COMMANDS.items()
        return [CompletionItem(n, help=h) for n, (_, h) in found if n.startswith(incomplete)]


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"datanectar {version('datanectar')}")
        ctx.exit()


@click.group(
    cls=_LazyGroup,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Luigi task chains as a service."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is one line, not a traceback."""
    try:
        cli.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="datanectar",
            standalone_mode=False,
        )
    except DatanectarError as problem:
        echo(f"datanectar: {problem.message}", err=True)
        sys.exit(CANNOT)
    except click.ClickException as problem:
        problem.show()
        sys.exit(CANNOT)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
