"""``datanectar chains`` and ``schedules``: what a running app serves, and what it runs on time."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from datanectar.cli.completion import complete_type
from datanectar.cli.options import echo_json, echo_rows, json_option, with_client
from datanectar.cli.terminal import echo

if TYPE_CHECKING:
    from datanectar.client import Client


@click.command()
@click.argument("type", required=False, shell_complete=complete_type)
@with_client
@json_option
def chains(client: Client, type: str | None, as_json: bool) -> None:
    """List the chains that a running app serves, or those of one TYPE.

    A task has a line with its parameters, and an indented one that says what it does; through a
    pipe both are one line, with tabs between.
    """
    listed = [one for one in client.chains() if type in (None, one["type"])]
    if type is not None and not listed:
        raise click.UsageError(f"There is no chain of type {type!r}.")
    if as_json:
        echo_json(listed)
        return
    for chain in listed:
        _echo_chain(chain)


@click.command()
@with_client
@json_option
def schedules(client: Client, as_json: bool) -> None:
    """List the tasks that have a schedule: the next time, the task, and its line of cron."""
    tasks = [(chain, task) for chain in client.chains() for task in chain["tasks"]]
    found = [
        {
            "task": f"{chain['type']}/{chain['name']}/{task['name']}",
            "schedule": task["schedule"],
            "next": _next_time(task["schedule"]),
        }
        for chain, task in tasks
        if task["schedule"]
    ]
    found.sort(key=lambda row: row["next"] or "~")
    if as_json:
        echo_json(found)
    elif found:
        echo_rows((row["next"], row["task"], row["schedule"]) for row in found)


def _next_time(schedule: str) -> str | None:
    """Return the next time that a schedule names, by the clock of its zone; None if it has none."""
    from datanectar.cron import parse

    try:
        cron = parse(schedule)
    except ValueError:  # `datanectar chains` shows why
        return None
    moment = datetime.fromtimestamp(cron.next_due(time.time()), cron.zone)
    return moment.isoformat(timespec="minutes")


def _echo_chain(chain: dict[str, Any]) -> None:
    place = f"{chain['type']}/{chain['name']}"
    if chain["error"]:
        _echo_item(place, "", chain["error"])
    for task in chain["tasks"]:
        parameters = " ".join(_parameter(item) for item in task["parameters"])
        words = task["error"] or task["doc"].partition("\n")[0]
        _echo_item(f"{place}/{task['name']}", parameters, words)
    for left in chain["left_out"]:
        _echo_item(place, "", f"no route for {left['name']}: {left['reason']}")


def _echo_item(name: str, parameters: str, words: str) -> None:
    if sys.stdout.isatty():
        echo(f"{name}  {parameters}".rstrip())
        echo(f"    {words}")
    else:
        echo(f"{name}\t{parameters}\t{words}")


def _parameter(item: dict[str, Any]) -> str:
    if item["private"]:
        return f"{item['name']}=(private)"
    if item["required"]:
        return f"{item['name']}=?"
    return f"{item['name']}={item['default']}"
