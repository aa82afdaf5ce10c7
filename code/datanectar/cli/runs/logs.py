"""``datanectar logs``: what a run's task wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from datanectar.cli.options import echo_json, json_option, with_client
from datanectar.cli.terminal import echo
from datanectar.errors import BadRequest
from datanectar.statuses import FAILED

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("name", metavar="RUN|KEY")
@click.option("--follow", "-f", is_flag=True, help="Go on as it is written, until the run ends.")
@click.option("--task", help="Of this task of the run, by its name or id.")
@with_client
@json_option
def logs(client: Client, name: str, follow: bool, task: str | None, as_json: bool) -> None:
    """Print the log of a RUN, or of a KEY (chains/TYPE/CHAIN/TASK/MD5), on standard output.

    With --json: the key and its log, once the run has ended if --follow is given.
    """
    if name.startswith("chains/"):
        key, run_id = name, None
    else:
        run = client.run_record(name)
        key, run_id = run["key"], run["id"]
        if task is not None:
            key = _key_of(task, run["graph"]["nodes"])
    pieces = client.follow(key) if follow else [client.log(key, run=run_id)]
    if as_json:
        echo_json({"key": key, "log": "".join(pieces)})
        return
    for piece in pieces:
        echo(piece, nl=False)


def _key_of(task: str, nodes: list[dict[str, str]]) -> str:
    """Return the key of the task of that id or name; of several the one that failed, or the first.

    Raises:
        BadRequest: when the run has none of that name, or it has no log.
    """
    names = sorted({_name(node) for node in nodes})
    found = [node for node in nodes if task in (node["id"], _name(node))]
    if not found:
        raise BadRequest(f"The run has no task {task!r}; its tasks: {', '.join(names)}.")
    node = next((node for node in found if node["status"] == FAILED), found[0])
    if not node["key"]:
        raise BadRequest(f"{task} has no key, and so no log.")
    return node["key"]


def _name(node: dict[str, str]) -> str:
    return node["family"].rpartition(".")[2]
