"""``datanectar webhook``: who is told when a run has ended, a schedule was missed, a worker is lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.exit_codes import FAILED
from datanectar.cli.options import echo_json, echo_rows, json_option, with_client
from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    from datanectar.client import Client

#: Seconds that a test waits for the first answer.
_PATIENCE = 60.0
_FILTERS = ("events", "types", "chains", "tasks", "statuses")


@click.group()
def webhook() -> None:
    """List, add, try, retry and remove webhooks."""


@webhook.command("list")
@with_client
@json_option
def list_all(client: Client, as_json: bool) -> None:
    """List the webhooks."""
    found = client.webhooks.list()
    if as_json:
        echo_json(found)
        return
    rows = ((one["name"], one["url"], _filters(one), *one["counts"].values()) for one in found)
    echo_rows(rows, "webhook", "receiver", "told of", "waiting", "delivered", "given up")


@webhook.command()
@click.argument("name")
@click.argument("receiver", metavar="URL")
@click.option("--event", "events", multiple=True, help="run.ended, schedule.missed, worker.lost.")
@click.option("--type", "types", multiple=True, help="Chains of this type.")
@click.option("--chain", "chains", multiple=True, help="This chain.")
@click.option("--task", "tasks", multiple=True, help="This class of tasks.")
@click.option("--status", "statuses", multiple=True, help="Runs that ended so: FAILED ...")
@with_client
@json_option
def add(
    client: Client, name: str, receiver: str, as_json: bool, **filters: tuple[str, ...]
) -> None:
    """Tell URL, from now on, under NAME: https://..., or a URL of Apprise such as mailto://...

    Without options it is told of everything. Each option may be repeated. The secret that signs
    what an https:// receiver is sent is printed, this once.
    """
    made = client.webhooks.add(
        name, receiver, **{key: list(given) for key, given in filters.items()}
    )
    if as_json:
        echo_json(made)
    elif made["secret"]:
        echo(made["secret"])
        click.echo("Give it to the receiver: it verifies by it what it gets.", err=True)


@webhook.command()
@click.argument("name")
@with_client
@json_option
def test(client: Client, name: str, as_json: bool) -> None:
    """Send NAME an event of its own. Exit code 1 when the receiver does not take it."""
    delivery = client.webhooks.test(name, _PATIENCE)
    if as_json:
        echo_json(delivery)
    else:
        code = f"{delivery['code']} " if delivery["code"] else ""
        echo(f"{delivery['status']} {code}{delivery['answer'] or ''}".rstrip())
    sys.exit(0 if delivery["status"] == "DELIVERED" else FAILED)


@webhook.command()
@click.argument("name")
@with_client
def retry(client: Client, name: str) -> None:
    """Send NAME again what was given up, as its receiver was away for too long."""
    echo(f"{client.webhooks.retry(name)} events are sent again.")


@webhook.command()
@click.argument("name")
@with_client
def remove(client: Client, name: str) -> None:
    """Remove NAME, with what waits for it."""
    client.webhooks.remove(name)
    echo(f"{name} is removed.")


def _filters(one: dict[str, Any]) -> str:
    asked = [name for key in _FILTERS for name in one[key] or ()]
    return " ".join(asked) or "everything"
