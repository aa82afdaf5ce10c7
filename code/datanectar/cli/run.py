"""``datanectar run``: one task, on a running app."""

from __future__ import annotations

import sys

import click

from datanectar.cli.completion import complete_parameter, complete_task
from datanectar.cli.exit_codes import FAILED, OK
from datanectar.cli.options import check_task_path, read_parameters, token_option, url_option
from datanectar.cli.terminal import echo


class _RunCommand(click.Command):
    """Completes a task's parameters beside the command's own options."""

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Return the options and the parameters that begin so."""
        return [
            *complete_parameter(ctx, self.params[0], incomplete),
            *super().shell_complete(ctx, incomplete),
        ]


@click.command(
    cls=_RunCommand, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("path", metavar="TYPE/CHAIN/TASK", shell_complete=complete_task)
@click.argument(
    "parameters",
    nargs=-1,
    metavar="[NAME=VALUE]...",
    type=click.UNPROCESSED,
    shell_complete=complete_parameter,
)
@url_option
@token_option
def run(path: str, parameters: tuple[str, ...], url: str, token: str | None) -> None:
    """Run a task on a running app, follow its log, and end as it ends (exit code 0 or 1).

    The result's address goes to standard output, everything else to standard error. A parameter is
    day=2026-01-01 or --day 2026-01-01; one that has the name of an option below is name=value.
    """
    from datanectar.cli.progress import addresses, ending, follow
    from datanectar.client import Client, key_to_ask

    check_task_path(path)
    client = Client(url, token)
    accepted = client.post(path, **read_parameters(parameters))
    try:
        status = follow(client, key_to_ask(accepted), lambda text: echo(text, err=True, nl=False))
    except KeyboardInterrupt:
        if accepted["run_id"]:
            stop = f"DELETE {client.url}/api/runs/{accepted['run_id']}"
            click.echo(f"\nThe run goes on. To stop it: curl -X {stop}", err=True)
        raise
    for line in ending(client, status):
        echo(line, err=True)
    for address in addresses(status):
        echo(address)
    sys.exit(OK if status["job_status"] == "DONE" else FAILED)
