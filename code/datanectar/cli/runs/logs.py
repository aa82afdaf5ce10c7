"""``datanectar logs``: what a run's task wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from datanectar.cli.options import with_client
from datanectar.cli.terminal import echo
from datanectar.errors import BadRequest

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("name", metavar="RUN|KEY")
@click.option("--follow", "-f", is_flag=True, help="Go on as it is written, until the run ends.")
@click.option("--task", help="The log of this task of the run instead of that of the run's own.")
@with_client
def logs(client: Client, name: str, follow: bool, task: str | None) -> None:
    """Print the log of a RUN, or of a KEY (chains/TYPE/CHAIN/TASK/MD5), on standard output."""
    if name.startswith("chains/"):
        key, run_id = name, None
    else:
        run = client.run_record(name)
        key, run_id = run["key"], run["id"]
        if task is not None:
            key = _key_of(task, run["graph"]["nodes"])
    if follow:
        for piece in client.follow(key):
            echo(piece, nl=False)
    else:
        echo(client.log(key, run=run_id), nl=False)


def _key_of(task: str, nodes: list[dict[str, str]]) -> str:
    """Return the key of the task of that name, or the first of several.

    Raises:
        BadRequest: when the run has none of that name.
    """
    names = {node["family"].rpartition(".")[2]: node["key"] for node in reversed(nodes)}
    if task not in names:
        raise BadRequest(f"The run has no task {task!r}; its tasks: {', '.join(sorted(names))}.")
    return names[task]
